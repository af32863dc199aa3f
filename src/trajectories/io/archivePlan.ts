import type { ByteSource } from '../../core/byteSource.ts';
import { joinedSource } from '../folder/joinedSource.ts';
import { planFolder, type FolderEntry, type FolderPlan, type FolderUnit } from '../folder/folderPlan.ts';
import type { VerdictBook } from '../folder/verdictBook.ts';
import type { Issue } from '../schema.ts';
import type { ImportRun } from './importRun.ts';
import type { ContainerStep } from './locator.ts';
import { isClutter, joinMemberName } from './memberName.ts';
import { memorySource, rangeSource, readFromStream } from './sources.ts';
import { readTar } from './tar.ts';
import { isReadableMethod, openZipEntry, type ZipEntry } from './zip.ts';

/** Members of a compressed tar that are kept while it is planned: each, and all together. */
const KEPT_MEMBER_BYTES = 1024 * 1024;
const KEPT_TOTAL_BYTES = 64 * 1024 * 1024;
/** A compressed tar is read twice only up to this size. */
const MAX_PLANNED_BYTES = 256 * 1024 * 1024;

const quiet = (): void => undefined;

/** An entry of an archive: how to plan with it, and how to open it again. */
interface Opened {
  readonly entry: FolderEntry;
  readonly step: ContainerStep;
  readonly open: () => Promise<ByteSource>;
}

/** How the entries of an archive belong together. */
export class ArchivePlan {
  readonly verdicts: VerdictBook;
  /** What is said of entries that hold only verdicts. */
  readonly remarks: readonly Issue[];
  readonly #units = new Map<string, FolderUnit>();
  readonly #opened: ReadonlyMap<string, Opened>;

  constructor(plan: FolderPlan, opened: ReadonlyMap<string, Opened>) {
    this.verdicts = plan.verdicts;
    this.remarks = plan.remarks;
    this.#opened = opened;
    const first = new Set(opened.keys());
    for (const unit of plan.units) {
      // A joined run takes the place of the first of its parts in the archive.
      const parts = new Set(unit.parts ?? [unit.path]);
      for (const path of first) {
        if (!parts.has(path)) continue;
        this.#units.set(path, unit);
        break;
      }
    }
  }

  /** What to import at an entry; null when it is part of something else or holds only verdicts. */
  unitAt(name: string): FolderUnit | null {
    return this.#units.get(name) ?? null;
  }

  /** The joined entries of a unit as one source; null for a unit that is one entry. */
  joined(
    unit: FolderUnit,
    archive: string,
  ): { readonly source: ByteSource; readonly step: ContainerStep } | null {
    if (!unit.parts) return null;
    const parts = unit.parts.flatMap((path) => this.#opened.get(path) ?? []);
    const entry = unit.path.slice(archive.length + '!/'.length);
    return {
      source: joinedSource(
        unit.path,
        unit.sizeBytes,
        parts.map((part) => part.open),
      ),
      step: { type: 'parts', entry, parts: parts.map((part) => part.step) },
    };
  }
}

/** The plan of a zip; null when nothing in it needs one. */
export async function planZip(
  run: ImportRun,
  archive: ByteSource,
  entries: readonly ZipEntry[],
): Promise<ArchivePlan | null> {
  const { inflate } = run.options.limits;
  return planOf(
    entries
      .filter((entry) => !entry.isEncrypted && isReadableMethod(entry.step.method))
      .map(({ step }) => {
        const path = joinMemberName(archive.name, step.entry);
        const open = (): Promise<ByteSource> => openZipEntry(archive, step, path, quiet, inflate);
        const head = async (length: number): Promise<Uint8Array> => {
          await run.yielder.pause();
          return readFromStream((await open()).stream(0, run.options.signal), length);
        };
        const { uncompressedSize } = step;
        const sizeBytes = uncompressedSize === 0xffffffff ? null : uncompressedSize;
        return { entry: { path, sizeBytes, head }, step, open };
      }),
  );
}

/** The plan of a tar; null when nothing in it needs one, or it is too large to be read twice. */
export async function planTar(run: ImportRun, source: ByteSource): Promise<ArchivePlan | null> {
  const opened: Opened[] = [];
  let kept = 0;
  for await (const { step, bytes } of readTar(source, KEPT_MEMBER_BYTES, quiet, run.options.signal)) {
    if (!source.seekable && step.end > MAX_PLANNED_BYTES) return null;
    await run.yielder.pause();
    if (isClutter(step.entry)) continue;
    const path = joinMemberName(source.name, step.entry);
    const isKept = bytes !== null && /\.(?:json|txt)$/i.test(path) && kept + bytes.length <= KEPT_TOTAL_BYTES;
    if (isKept) kept += bytes.length;
    const held = isKept ? bytes : null;
    const open = async (): Promise<ByteSource> =>
      held ? memorySource(path, held) : rangeSource(source, path, step.start, step.end);
    const head = async (length: number): Promise<Uint8Array> =>
      held || source.seekable ? (await open()).read(0, length) : new Uint8Array(0);
    opened.push({ entry: { path, sizeBytes: step.end - step.start, head }, step, open });
  }
  return planOf(opened);
}

async function planOf(opened: readonly Opened[]): Promise<ArchivePlan | null> {
  const byPath = new Map(opened.map((one) => [one.entry.path, one]));
  // Entries of one name cannot be told apart here; such an archive is read as it stands.
  if (opened.length < 2 || byPath.size < opened.length) return null;
  const plan = await planFolder(opened.map(({ entry }) => entry));
  const isPlain = plan.verdicts.isEmpty && plan.units.length === opened.length;
  return isPlain && plan.units.every(({ parts }) => parts === null) ? null : new ArchivePlan(plan, byPath);
}
