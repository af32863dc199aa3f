import { barePath, endsAlike } from '../trajectories/extract/repoPath.ts';
import type { Trajectory } from '../trajectories/schema.ts';
import {
  cleanTitle,
  looksByDocument,
  refuse,
  sourceOfSpan,
  type ContextDocument,
  type ContextWindow,
  type GatherResult,
  type Look,
} from './contextDocument.ts';
import { oldLines, parsePatch, patchEditedCode, patchFileList, type PatchFile } from './patch.ts';
import { patchFromEdits } from './patchFromEdits.ts';
import type { CheckResult, EvidenceSource, SweAnswerForm } from './types.ts';

/**
 * Software-engineering runs: files of the correct patch are gold (the gold patch when it is known and the agent
 * opened its files, else the agent's own), files opened but not modified are tier-1 distractors (tier 2 where only a
 * code search showed lines of them), at the content the agent saw before its own first edit. The answer is the patch, the edited code or the list of files.
 */
export function gatherSwe(trajectory: Trajectory, form: SweAnswerForm): GatherResult {
  const groups = looksByDocument(trajectory);
  const candidates = patchCandidates(trajectory);
  const rebuilt = candidates.length === 0 ? patchFromEdits(trajectory, groups) : null;
  if (rebuilt && 'text' in rebuilt)
    addCandidate(candidates, rebuilt.text, 'the patch rebuilt from the edit calls', rebuilt.flags);
  if (candidates.length === 0 && !(rebuilt && 'gap' in rebuilt)) {
    return refuse(
      'answer',
      'no-patch',
      'the run left no patch, no gold patch is known, and no edit call shows the change',
    );
  }
  if (groups.size === 0) {
    return refuse('evidence', 'no-files', 'no file content was found in the tool results');
  }
  if (rebuilt && 'gap' in rebuilt) return refuse('answer', 'patch-incomplete', rebuilt.gap);
  let refusal: GatherResult | null = null;
  let best: PatchEvidence | null = null;
  for (const candidate of candidates) {
    const found = gatherForPatch(candidate, groups, form);
    if (!found.result.ok) refusal ??= found.result;
    // Earlier candidates are preferred; a later one must show more of the lines that it changes.
    else if (!best || found.share > best.share) best = found;
  }
  return best?.result ?? refusal!;
}

interface PatchEvidence {
  readonly result: GatherResult;
  /** Share of the lines its hunks expect that the run shows, 0 … 1. */
  readonly share: number;
}

function refused(code: string, reason: string): PatchEvidence {
  return { result: refuse('evidence', code, reason), share: 0 };
}

interface PatchCandidate {
  readonly text: string;
  readonly files: readonly PatchFile[];
  readonly origin: string;
  readonly flags: readonly string[];
}

/** The patches that the log holds: the gold patch, then the agent's own. */
function patchCandidates(trajectory: Trajectory): PatchCandidate[] {
  const candidates: PatchCandidate[] = [];
  const truth = trajectory.groundTruth;
  if (truth?.form === 'patch')
    for (const value of truth.values) addCandidate(candidates, value, `the gold patch (${truth.via})`, []);
  if (trajectory.patch)
    addCandidate(candidates, trajectory.patch.text, `the agent's patch (${trajectory.patch.via})`, []);
  return candidates;
}

function addCandidate(
  candidates: PatchCandidate[],
  text: string,
  origin: string,
  flags: readonly string[],
): void {
  const files = parsePatch(text).filter((file) => !file.isBinary);
  if (files.some((file) => file.hunks.length > 0))
    candidates.push({ text: trimPatch(text), files, origin, flags });
}

/** Leading and trailing blank lines go; the lines of the diff stay as they are. */
function trimPatch(text: string): string {
  return text.replace(/^(?:[ \t]*\r?\n)+/, '').trimEnd();
}

function gatherForPatch(
  patch: PatchCandidate,
  groups: ReadonlyMap<string, readonly Look[]>,
  form: SweAnswerForm,
): PatchEvidence {
  const changed = patch.files.filter((file) => file.oldPath !== null);
  if (changed.length === 0) {
    return refused('only-new-files', `${patch.origin} only adds files, so no opened file is evidence for it`);
  }
  const gold: ContextDocument[] = [];
  const distractors: ContextDocument[] = [];
  const flags = [...patch.flags];
  const found = new Map<PatchFile, ContextDocument[]>();
  const shown = shownFiles(changed, groups);
  for (const [key, looks] of groups) {
    const file = shown.get(key);
    const document = fileDocument(key, looks, file !== undefined, file?.oldPath ?? null);
    if (!document) continue;
    if (!file) {
      if (!patch.files.some((candidate) => mayBe(key, candidate.path))) distractors.push(document.document);
      continue;
    }
    if (document.flag !== null) flags.push(document.flag);
    gold.push(document.document);
    const list = found.get(file);
    if (list) list.push(document.document);
    else found.set(file, [document.document]);
  }
  const unseen = changed.filter((file) => !found.has(file));
  if (unseen.length > 0) {
    return refused(
      'patched-file-not-opened',
      `${patch.origin} changes ${list(unseen.map((file) => file.oldPath!))}, whose content the run never shows`,
    );
  }
  const hunks = hunkCheck(found);
  if (hunks.share === 0) {
    return refused(
      'changed-lines-not-seen',
      `none of the lines that ${patch.origin} changes stand in what the run shows of the files`,
    );
  }
  if (hunks.check.status === 'warn') flags.push('hunk-lines-missing');
  const checks: CheckResult[] = [
    {
      check: 'patch-files',
      status: 'pass',
      reason: `all ${changed.length} files changed by ${patch.origin} are in the context`,
    },
    hunks.check,
  ];
  const answer =
    form === 'diff'
      ? patch.text
      : form === 'edited-code'
        ? patchEditedCode(patch.files)
        : patchFileList(patch.files);
  const gathered = { documents: [...gold, ...distractors], answer, checks, flags, dropped: [] };
  return { result: { ok: true, gathered }, share: hunks.share };
}

/**
 * The keys under which the run shows the changed files: the path itself, else the only path that ends alike, when
 * its text holds every line that the hunks expect. In one repository many files have one name.
 */
function shownFiles(
  changed: readonly PatchFile[],
  groups: ReadonlyMap<string, readonly Look[]>,
): ReadonlyMap<string, PatchFile> {
  const shown = new Map<string, PatchFile>();
  const keys = [...groups.keys()];
  const unmatched = changed.filter((file) => {
    const same = keys.filter((key) => barePath(key) === barePath(file.oldPath!));
    for (const key of same) shown.set(key, file);
    return same.length === 0;
  });
  for (const file of unmatched) {
    const alike = keys.filter((key) => endsAlike(key, file.oldPath!));
    const [key] = alike;
    if (key === undefined || alike.length > 1 || shown.has(key)) continue;
    const document = fileDocument(key, groups.get(key)!, true, null)?.document;
    if (document && hunkCheck(new Map([[file, [document]]])).check.status === 'pass') shown.set(key, file);
  }
  return shown;
}

/** True for a file of the patch, and for a shorter path, which may be that file seen from another folder. */
function mayBe(key: string, path: string): boolean {
  return endsAlike(key, path) && barePath(key).length <= barePath(path).length;
}

function list(paths: readonly string[]): string {
  return paths.length <= 4
    ? paths.join(', ')
    : `${paths.slice(0, 4).join(', ')} and ${paths.length - 4} more`;
}

/** The document of one file; null when the run shows none of its content. */
function fileDocument(
  key: string,
  looks: readonly Look[],
  isGold: boolean,
  patchPath: string | null,
): { document: ContextDocument; flag: string | null } | null {
  const readable = looks.filter((look) => !look.isError);
  const firstEdit = readable.find((look) => look.seen.how === 'edited')?.seen.stepIndex ?? Infinity;
  const opened = readable.filter((look) => look.seen.how === 'opened' || look.seen.how === 'visited');
  const before = opened.filter((look) => look.seen.stepIndex < firstEdit);
  // Lines that a code search printed are no window of the file; they stand in only where nothing else does.
  const hits = readable.filter((look) => look.seen.how === 'returned' && look.seen.stepIndex < firstEdit);
  const choices = isGold ? [before, opened, hits, readable] : [before, opened, hits];
  const used = choices.find((choice) => choice.length > 0) ?? [];
  const first = used[0];
  if (!first) return null;
  return {
    document: {
      key,
      noun: 'File',
      title: cleanTitle(patchPath ?? key, first.seen.title),
      role: isGold ? 'gold' : 'distractor',
      tier: isGold ? 0 : used === hits ? 2 : 1,
      turn: first.turn,
      step: first.seen.stepIndex,
      windows: fileWindows(used, used === hits),
    },
    flag: used === before ? null : used === hits ? 'only-search-hits' : 'post-edit-content',
  };
}

interface OpenWindow {
  readonly look: Look;
  readonly text: string;
  readonly first: number | null;
  readonly last: number | null;
  readonly source: EvidenceSource;
  readonly alsoAt: EvidenceSource[];
}

/**
 * Windows of a file in line order. A window inside another adds its origin to it; a window that overlaps the end
 * of the one before loses the lines shown twice when its text is line for line what its range says.
 */
function fileWindows(looks: readonly Look[], areHits = false): ContextWindow[] {
  const windows: OpenWindow[] = [];
  const sorted = looks
    .map((look) => ({
      look,
      text: look.text,
      first: areHits ? null : (look.seen.lines?.first ?? null),
      last: areHits ? null : (look.seen.lines?.last ?? null),
      source: sourceOfSpan(look.seen.span, look.turn),
      alsoAt: [] as EvidenceSource[],
    }))
    .sort(byLines);
  for (const window of sorted) {
    const same = windows.find((other) => other.text.includes(window.text) || covers(other, window));
    if (same) {
      same.alsoAt.push(window.source);
      continue;
    }
    windows.push(withoutOverlap(windows.at(-1), window));
  }
  const several = windows.length > 1;
  return windows.map((window, index) => ({
    text: window.text,
    source: window.source,
    alsoAt: window.alsoAt,
    label: !several
      ? null
      : window.first === null
        ? `part ${index + 1}`
        : `lines ${window.first}-${window.last}`,
    isTruncated: window.look.seen.isTruncated,
  }));
}

function byLines(a: OpenWindow, b: OpenWindow): number {
  if (a.first !== null && b.first !== null && a.first !== b.first) return a.first - b.first;
  if (a.first !== null && b.first !== null && a.last !== b.last) return b.last! - a.last!;
  return a.look.seen.stepIndex - b.look.seen.stepIndex || a.look.seen.span.start - b.look.seen.span.start;
}

function covers(outer: OpenWindow, inner: OpenWindow): boolean {
  if (outer.look.seen.isTruncated) return false;
  return (
    outer.first !== null && inner.first !== null && outer.first <= inner.first && outer.last! >= inner.last!
  );
}

function withoutOverlap(previous: OpenWindow | undefined, window: OpenWindow): OpenWindow {
  if (!previous || previous.last === null || window.first === null || previous.look.seen.isTruncated)
    return window;
  const shared = previous.last - window.first + 1;
  if (shared <= 0) return window;
  const body = window.text.endsWith('\n') ? window.text.slice(0, -1) : window.text;
  if (body.split('\n').length !== window.last! - window.first + 1) return window;
  let cut = 0;
  for (let line = 0; line < shared; line++) cut = window.text.indexOf('\n', cut) + 1;
  if (!previous.text.includes(window.text.slice(0, cut).trimEnd())) return window;
  return {
    ...window,
    text: window.text.slice(cut),
    first: previous.last + 1,
    source: { ...window.source, start: window.source.start! + cut },
  };
}

/** A line without the number that a viewer put before it (`  12\t`, `12:`, `12|`, `12→`). */
function withoutLineNumber(line: string): string {
  const match = /^\s*\d{1,7}(?:\t|→|[:|] ?| {1,2}(?=\S)| *$)/.exec(line.slice(0, 40));
  return match ? line.slice(match[0].length) : line;
}

/** How many of the lines that the hunks expect stand in the packed windows (numbers and outer space ignored). */
function hunkCheck(found: ReadonlyMap<PatchFile, readonly ContextDocument[]>): {
  share: number;
  check: CheckResult;
} {
  let expected = 0;
  let present = 0;
  let missing = '';
  for (const [file, documents] of found) {
    const wanted = oldLines(file)
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (wanted.length === 0) continue;
    const seen = new Set<string>();
    for (const document of documents) {
      for (const window of document.windows) {
        for (const line of window.text.split('\n')) {
          seen.add(line.trim());
          seen.add(withoutLineNumber(line).trim());
        }
      }
    }
    for (const line of wanted) {
      expected++;
      if (seen.has(line)) present++;
      else missing ||= `${file.path}: ${line.slice(0, 80)}`;
    }
  }
  const check = 'hunk-context';
  if (expected === 0)
    return {
      share: 1,
      check: { check, status: 'skipped', reason: 'the patch names no line of the old files' },
    };
  const reason = `${present} of ${expected} lines that the hunks expect stand in the packed files`;
  return {
    share: present / expected,
    check:
      present === expected
        ? { check, status: 'pass', reason }
        : { check, status: 'warn', reason: `${reason}; first missing: ${missing}` },
  };
}
