import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { InputError, messageOf, WorkbenchError } from '../core/errors.ts';
import { isObject } from '../core/json.ts';
import type { MechanismDocument, MechanismSubject } from '../mechanism/document.ts';
import { maxDocumentCharacters, parseMechanismDocument } from '../mechanism/readDocument.ts';
import type { Folder } from '../storage/folder.ts';
import { projectFolder } from '../storage/projects.ts';
import type { Failure, Result } from './dataApi.ts';
import type {
  Board,
  DocumentSummary,
  FilmstripFrame,
  FrameRequest,
  MechanismApi,
  MechanismFrame,
  MechanismState,
  PairsFrame,
  TrackFrame,
  TrackRequest,
} from './mechanismApi.ts';
import { makeFilmstrip, makeFrame, makePairs, makeTrack, type ChosenSubjects } from './mechanismFrame.ts';

function failure(error: unknown): Failure {
  if (!(error instanceof WorkbenchError)) throw error;
  const { code, message, detail } = error;
  const { where, expected, actual, advice } = detail;
  const said = [
    where === undefined ? '' : ` (${where})`,
    expected === undefined ? '' : `: expected ${expected}`,
    actual === undefined ? '' : `${expected === undefined ? ':' : ','} found ${actual}`,
  ].join('');
  return { ok: false, code, message: `${message}${said}`, advice: advice ?? null };
}

async function attempt<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return failure(error);
  }
}

/** Parsed documents kept at hand; the largest take some hundred megabytes. */
const keptDocuments = 3;

function hashOf(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

function summaryOf(
  document: MechanismDocument,
  parts: Pick<DocumentSummary, 'id' | 'name' | 'createdAt' | 'origin' | 'isPartial' | 'sizeBytes'>,
): DocumentSummary {
  // prettier-ignore
  const { items, subjects, model, queries, settings } = document;
  return {
    ...parts,
    model,
    queries,
    sinkTokens: settings.sinkTokens,
    thresholds: settings.thresholds,
    itemCount: items.length,
    tokens: items.reduce((sum, { tokens }) => sum + tokens, 0),
    queryTokens: items.reduce((sum, { queryTokens }) => sum + queryTokens, 0),
    itemsHash: hashOf(items.map(({ hash }) => hash).join('\n')),
    subjects: subjects.map(({ name, kind, step, adapterSha256 }) => ({
      name,
      kind,
      step: step ?? null,
      adapterSha256: adapterSha256 ?? null,
    })),
  };
}

/** Mechanism documents in the browser's storage, and the numbers that charts are made from. */
export class MechanismService implements MechanismApi {
  readonly #openRoot: () => Promise<Folder>;
  #opened: Folder | null = null;
  #listener: (state: MechanismState) => void = () => undefined;
  readonly #summaries = new Map<string, DocumentSummary>();
  /** In order of use, the last used at the end. */
  readonly #documents = new Map<string, MechanismDocument>();
  readonly #partial = new Map<string, MechanismDocument>();

  /** @param openRoot the browser's storage, or memory where there is none; asked when a project is opened */
  constructor(openRoot: () => Promise<Folder>) {
    this.#openRoot = openRoot;
  }

  get #root(): Folder {
    if (!this.#opened)
      throw new Error('Internal error: the mechanism worker was asked before a project was open');
    return this.#opened;
  }

  async start(onChange: (state: MechanismState) => void): Promise<void> {
    this.#listener = onChange;
  }

  async openProject(id: string): Promise<void> {
    this.#opened = projectFolder(await this.#openRoot(), id).folder('mechanism');
    this.#summaries.clear();
    this.#documents.clear();
    this.#partial.clear();
    const documents = this.#root.folder('documents');
    for (const id of await documents.list()) {
      try {
        const value: unknown = JSON.parse((await documents.folder(id).readText('summary.json')) ?? 'null');
        if (isObject(value)) this.#summaries.set(id, value as unknown as DocumentSummary);
      } catch {
        // A half-written summary: its document is measured or opened again.
      }
    }
    this.#emit();
  }

  #emit(): void {
    const documents = [...this.#summaries.values()].sort((a, b) => b.createdAt - a.createdAt);
    this.#listener({ documents });
  }

  openFile(file: File): Promise<Result<DocumentSummary>> {
    return attempt(async () => {
      // Four bytes a character at most: what is larger cannot be a document that is read.
      if (file.size > maxDocumentCharacters * 4) {
        throw new InputError('mechanism-too-large', 'The file is too large for a mechanism document', {
          where: file.name,
          expected: `at most ${maxDocumentCharacters} characters`,
          actual: `${file.size} bytes`,
        });
      }
      const text = await file.text();
      const document = parseMechanismDocument(text, file.name);
      if (document.subjects.length === 0 || document.items.length === 0) {
        throw new InputError('mechanism-empty', 'The mechanism document has nothing to draw', {
          where: file.name,
          expected: 'at least one subject and one item',
          actual: `${document.subjects.length} subjects, ${document.items.length} items`,
        });
      }
      return this.#keep(document, text, file.name.replace(/\.json$/i, ''), 'file');
    });
  }

  save(
    document: MechanismDocument,
    name: string,
    partialId: string | null,
  ): Promise<Result<DocumentSummary>> {
    return attempt(async () => {
      if (partialId !== null) {
        this.#partial.delete(partialId);
        this.#summaries.delete(partialId);
      }
      return this.#keep(document, JSON.stringify(document), name, 'measured');
    });
  }

  async #keep(
    document: MechanismDocument,
    text: string,
    name: string,
    origin: DocumentSummary['origin'],
  ): Promise<DocumentSummary> {
    // prettier-ignore
    const id = hashOf(text).slice(0, 16);
    const held = this.#summaries.get(id);
    if (held) {
      this.#emit();
      return held;
    }
    const summary = summaryOf(document, { id, name, createdAt: Date.now(), origin, isPartial: false, sizeBytes: text.length }); // prettier-ignore
    const folder = this.#root.folder('documents').folder(id);
    await folder.writeText('document.json', text);
    await folder.writeText('summary.json', JSON.stringify(summary));
    this.#summaries.set(id, summary);
    this.#hold(id, document);
    this.#emit();
    return summary;
  }

  async receivePartial(document: MechanismDocument, name: string, partialId: string): Promise<void> {
    this.#partial.set(partialId, document);
    const createdAt = this.#summaries.get(partialId)?.createdAt ?? Date.now();
    this.#summaries.set(partialId, summaryOf(document, { id: partialId, name, createdAt, origin: 'measured', isPartial: true, sizeBytes: 0 })); // prettier-ignore
    this.#emit();
  }

  async dropPartial(partialId: string): Promise<void> {
    this.#partial.delete(partialId);
    this.#summaries.delete(partialId);
    this.#emit();
  }

  async rename(id: string, name: string): Promise<void> {
    const summary = this.#summaries.get(id);
    if (!summary || summary.isPartial) return;
    const renamed = { ...summary, name };
    this.#summaries.set(id, renamed);
    await this.#root.folder('documents').folder(id).writeText('summary.json', JSON.stringify(renamed));
    this.#emit();
  }

  async delete(id: string): Promise<void> {
    this.#summaries.delete(id);
    this.#documents.delete(id);
    this.#partial.delete(id);
    await this.#root.folder('documents').remove(id);
    this.#emit();
  }

  exportFile(id: string): Promise<Result<File>> {
    return attempt(async () => {
      const summary = this.#summaryOf(id);
      const partial = this.#partial.get(id);
      const name = `${summary.name.replace(/[^\w.-]+/g, '-')}.json`;
      if (partial) return new File([JSON.stringify(partial)], name, { type: 'application/json' });
      const file = await this.#root.folder('documents').folder(id).readFile('document.json');
      if (!file) throw this.#gone(id);
      return new File([file], name, { type: 'application/json' });
    });
  }

  read(id: string): Promise<Result<MechanismDocument>> {
    return attempt(() => this.#document(id));
  }

  #summaryOf(id: string): DocumentSummary {
    const summary = this.#summaries.get(id);
    if (!summary) throw this.#gone(id);
    return summary;
  }

  #gone(id: string): InputError {
    return new InputError('no-document', 'The mechanism document is not here any more', {
      where: id,
      advice: 'measure it again, or open its file',
    });
  }

  #hold(id: string, document: MechanismDocument): void {
    this.#documents.delete(id);
    this.#documents.set(id, document);
    const [oldest] = this.#documents.keys();
    if (this.#documents.size > keptDocuments && oldest !== undefined) this.#documents.delete(oldest);
  }

  async #document(id: string): Promise<MechanismDocument> {
    const held = this.#partial.get(id) ?? this.#documents.get(id);
    if (held) return held;
    const text = await this.#root.folder('documents').folder(id).readText('document.json');
    if (text === null) throw this.#gone(id);
    const document = parseMechanismDocument(text, this.#summaryOf(id).name);
    this.#hold(id, document);
    return document;
  }

  /** Subjects by name, in the document or in another one over identical tokens. */
  async #choose(request: Omit<FrameRequest, 'metric'>): Promise<ChosenSubjects> {
    const summary = this.#summaryOf(request.documentId);
    const document = await this.#document(request.documentId);
    let problem: string | null = null;
    const find = async (name: string | null): Promise<MechanismSubject | null> => {
      if (name === null) return null;
      const own = document.subjects.find((subject) => subject.name === name);
      if (own) return own;
      for (const other of this.#summaries.values()) {
        if (other.id === summary.id || !other.subjects.some((subject) => subject.name === name)) continue;
        const isSame =
          other.itemsHash === summary.itemsHash &&
          other.queries === summary.queries &&
          other.sinkTokens === summary.sinkTokens &&
          other.thresholds.join() === summary.thresholds.join() &&
          other.model.layers === summary.model.layers &&
          other.model.heads === summary.model.heads;
        if (!isSame) {
          problem = `${name} was measured on other tokens or under other rules (${other.name}): no difference is drawn. Measure both on the same items.`;
          continue;
        }
        problem = null;
        return (await this.#document(other.id)).subjects.find((subject) => subject.name === name) ?? null;
      }
      problem ??= `${name} is not in ${summary.name}: measure it on the same items, or choose another subject.`;
      return null;
    };
    const baseline =
      (await find(request.baseline)) ??
      document.subjects.find(({ kind }) => kind === 'base') ??
      document.subjects[0];
    if (!baseline)
      throw new InputError('no-subject', 'The document has no subjects', { where: summary.name });
    const different = (subject: MechanismSubject | null): MechanismSubject | null =>
      subject === baseline ? null : subject;
    const comparison = different(await find(request.comparison));
    const control = comparison ? different(await find(request.control)) : null;
    return {
      document,
      summary,
      baseline,
      comparison,
      control: control === comparison ? null : control,
      problem,
    };
  }

  frame(request: FrameRequest): Promise<Result<MechanismFrame>> {
    return attempt(async () => makeFrame(await this.#choose(request), request));
  }

  track(request: TrackRequest): Promise<Result<TrackFrame>> {
    return attempt(async () => {
      const track = makeTrack(await this.#choose(request), request);
      if (!track)
        throw new InputError('no-item', 'The document has no such item', { where: request.documentId });
      return track;
    });
  }

  pairs(documentId: string, subject: string, layer: number): Promise<Result<PairsFrame | null>> {
    return attempt(async () => {
      const document = await this.#document(documentId);
      const found = document.subjects.find(({ name }) => name === subject);
      return found ? makePairs(document, found, layer) : null;
    });
  }

  filmstrip(documentId: string, layer: number, metric: string): Promise<Result<FilmstripFrame>> {
    return attempt(async () => makeFilmstrip(await this.#document(documentId), layer, metric));
  }

  async board(): Promise<Board> {
    const empty: Board = { notes: '', pins: [] };
    try {
      const value: unknown = JSON.parse((await this.#root.readText('board.json')) ?? 'null');
      return isObject(value) && Array.isArray(value['pins']) ? (value as unknown as Board) : empty;
    } catch {
      return empty;
    }
  }

  async saveBoard(board: Board): Promise<Failure | null> {
    try {
      await this.#root.writeText('board.json', JSON.stringify(board));
      return null;
    } catch (error) {
      if (error instanceof WorkbenchError) return failure(error);
      return { ok: false, code: 'board', message: 'The board could not be kept', advice: messageOf(error) };
    }
  }
}
