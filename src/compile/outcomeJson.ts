import type { TextFingerprint } from './curate/clusters.ts';
import type { ExampleSignature } from './setCurator.ts';
import type { MappedOutcome } from './setReducer.ts';

type Compiled = Exclude<MappedOutcome, { rejection: unknown }>;

/** A mapped outcome without its line, as JSON can hold it: the line goes beside it as it is. */
export type OutcomeHead =
  | Extract<MappedOutcome, { rejection: unknown }>
  | (Omit<Compiled, 'line' | 'signature'> & { readonly signature: SignatureJson | null });

interface FingerprintJson extends Omit<TextFingerprint, 'signature'> {
  /** The numbers as little-endian u32 in base64. */
  readonly signature: string | null;
}

interface SignatureJson extends Omit<ExampleSignature, 'question' | 'context'> {
  readonly question: FingerprintJson;
  readonly context: FingerprintJson | null;
}

/** The part of an outcome that the reduce step reads, for a file between the two steps. */
export function outcomeHead(outcome: MappedOutcome): OutcomeHead {
  if ('rejection' in outcome) return outcome;
  const { meta, example } = outcome;
  const signature = outcome.signature as ExampleSignature | null;
  return {
    meta,
    example,
    signature: signature && {
      ...signature,
      question: encode(signature.question),
      context: signature.context && encode(signature.context),
    },
  };
}

/** The outcome that `outcomeHead` was made from. @param line the example's line, null for a rejection */
export function outcomeFrom(head: OutcomeHead, line: string | null): MappedOutcome {
  if ('rejection' in head) return head;
  const { meta, example, signature } = head;
  const full: ExampleSignature | null = signature && {
    ...signature,
    question: decode(signature.question),
    context: signature.context && decode(signature.context),
  };
  return { line: line ?? '', meta, example, signature: full };
}

function encode(print: TextFingerprint): FingerprintJson {
  if (!print.signature) return { ...print, signature: null };
  const bytes = new DataView(new ArrayBuffer(print.signature.length * 4));
  print.signature.forEach((value, index) => bytes.setUint32(index * 4, value, true));
  let text = '';
  for (let at = 0; at < bytes.byteLength; at++) text += String.fromCharCode(bytes.getUint8(at));
  return { ...print, signature: btoa(text) };
}

function decode(print: FingerprintJson): TextFingerprint {
  if (print.signature === null) return { ...print, signature: null };
  const text = atob(print.signature);
  const bytes = new DataView(new ArrayBuffer(text.length));
  for (let at = 0; at < text.length; at++) bytes.setUint8(at, text.charCodeAt(at));
  const signature = new Uint32Array(text.length / 4);
  for (let index = 0; index < signature.length; index++) signature[index] = bytes.getUint32(index * 4, true);
  return { ...print, signature };
}
