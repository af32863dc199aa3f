import { describe, expect, it } from 'vitest';
import { hasShared, sharedSkipReason } from '../../helpers/shared.ts';
import { brokenPlaces, readShared, type ReadSample } from './readSample.ts';

/** What the notes beside the recorded files say of each, by counting. */
interface Golden {
  readonly file: string;
  readonly format: string;
  readonly runs: number;
  readonly kind: string;
  /** Runs recorded as successful, as failed, and without a verdict. */
  readonly success: readonly [number, number, number];
  readonly withAnswer: number;
  readonly withTruth: number;
  readonly firstTask: string;
  readonly firstAnswer: string | null;
}

const golden: readonly Golden[] = [
  {
    file: 'webdancer/sample_traj.subset.jsonl',
    format: 'webdancer',
    runs: 16,
    kind: 'search',
    success: [0, 0, 16],
    withAnswer: 16,
    withTruth: 16,
    firstTask: 'What is the surname commonly associated with British origins',
    firstAnswer: 'The surname is **Adkins**.',
  },
  {
    file: 'react-fireact/alpaca_hotpotqa.json',
    format: 'react-fireact',
    runs: 500,
    kind: 'search',
    success: [500, 0, 0],
    withAnswer: 500,
    withTruth: 0,
    firstTask: 'Who was once considered the best kick boxer in the world',
    firstAnswer: 'Badr Hari',
  },
  {
    file: 'react-text-log/50_sample_react_reflect_correct.txt',
    format: 'react-text-log',
    runs: 17,
    kind: 'search',
    success: [17, 0, 0],
    withAnswer: 17,
    withTruth: 17,
    firstTask: 'Howard Van Doren Shaw was the designer of which 1917 Progressive Era community?',
    firstAnswer: 'Marktown',
  },
  {
    file: 'bird-interact/a_interact_samples.json',
    format: 'bird-interact',
    runs: 10,
    kind: 'sql',
    success: [5, 5, 0],
    withAnswer: 10,
    withTruth: 0,
    firstTask: 'I want to analyze how the signal quality varies across different atmospheric conditions.',
    firstAnswer: 'SELECT \n    o.weathprofile AS condition_name',
  },
  {
    file: 'spider-agent-tc/sf_bq024.json',
    format: 'spider-agent-tc',
    runs: 1,
    kind: 'sql',
    success: [0, 0, 1],
    withAnswer: 0,
    withTruth: 0,
    firstTask: 'For the year 2012, which top 10 evaluation groups',
    firstAnswer: null,
  },
  {
    file: 'intercode-sql/human_10_turns.json',
    format: 'intercode-sql',
    runs: 15,
    kind: 'sql',
    success: [13, 2, 0],
    withAnswer: 15,
    withTruth: 15,
    firstTask: 'Find the first name and age of students who have a dog',
    firstAnswer: "select Fname, Age from student where StuID = '1001';",
  },
  {
    file: 'intercode-sql/gpt-4_10_turns.subset.json',
    format: 'intercode-sql',
    runs: 160,
    kind: 'sql',
    success: [122, 38, 0],
    withAnswer: 160,
    withTruth: 0,
    firstTask: 'What are the names of poker players',
    firstAnswer: 'SELECT people.Name FROM people JOIN poker_player',
  },
  {
    file: 'intercode-sql/gpt-3.5_react_10_turns.subset.json',
    format: 'intercode-sql',
    runs: 120,
    kind: 'sql',
    success: [78, 42, 0],
    withAnswer: 120,
    withTruth: 0,
    firstTask: 'What are the names of poker players',
    firstAnswer: 'SELECT player_name FROM poker_players ORDER BY final_tables ASC',
  },
  ...[
    ['magentic-one-1', 'Where can I take martial arts classes', 'Alliance Jiu Jitsu'],
    ['magentic-one-9', 'As of August 2023, who is the only winne', ''],
    ['magentic-one-14', 'What percentage of the total penguin population', '0.00049'],
    ['magentic-one-22', "In Emily Midkiff's June 2014 article", ''],
    ['magentic-one-31', 'Which gyms (not including gymnastics cen', ''],
    ['magentic-one-40', "What's the smallest house (based on squa", ''],
    ['captain-agent-3', 'When you take the average of the standard population deviation', ''],
    ['captain-agent-21', 'What is the last word before the second chorus', 'I agree with the verification'],
    ['captain-agent-51', 'What are the EC numbers', ''],
    ['captain-agent-77', 'In the video https://www.youtube.com', ''],
    ['captain-agent-101', 'How much will I save by getting annual passes', 'I will verify the calculations'],
    ['captain-agent-107', 'The dog genome was first mapped in 2004', ''],
  ].map(([name = '', firstTask = '', firstAnswer = '']): Golden => ({
    file: `multi-agent-who-when/${name}.json`,
    format: 'who-and-when',
    runs: 1,
    kind: 'search',
    success: [0, 1, 0],
    withAnswer: 1,
    withTruth: 1,
    firstTask,
    firstAnswer,
  })),
];

describe.skipIf(!hasShared)(
  `recorded files of search and SQL agents (${hasShared ? 'present' : sharedSkipReason})`,
  () => {
    const read = new Map<string, ReadSample>();
    const sampleOf = (file: string): ReadSample => {
      const sample = read.get(file) ?? readShared(`trajectories/${file}`);
      read.set(file, sample);
      return sample;
    };

    it.each(golden)('$file: $runs runs of $kind', (expected) => {
      const { format, runs, issues } = sampleOf(expected.file);
      expect(format).toBe(expected.format);
      expect(issues).toEqual([]);
      expect(runs).toHaveLength(expected.runs);
      expect([...new Set(runs.map((run) => run.kind.kind))]).toEqual([expected.kind]);
      const verdicts = [true, false, null].map(
        (verdict) => runs.filter((run) => run.outcome.success === verdict).length,
      );
      expect(verdicts).toEqual(expected.success);
      expect(runs.filter((run) => run.task !== null)).toHaveLength(expected.runs);
      expect(runs.filter((run) => run.finalAnswer !== null)).toHaveLength(expected.withAnswer);
      expect(runs.filter((run) => run.groundTruth !== null)).toHaveLength(expected.withTruth);
      const [first] = runs;
      expect(first?.task?.text.startsWith(expected.firstTask)).toBe(true);
      if (expected.firstAnswer === null) expect(first?.finalAnswer).toBeNull();
      else expect(first?.finalAnswer?.text.trimStart().startsWith(expected.firstAnswer)).toBe(true);
      expect(new Set(runs.map((run) => run.id)).size).toBe(runs.length);
    });

    it.each(golden.map(({ file }) => file))(
      '%s: every text, document and result is where it says',
      (file) => {
        expect(brokenPlaces(sampleOf(file))).toEqual([]);
      },
    );

    it('WebDancer: a visited page takes its snippet out of the unvisited results', () => {
      const runs = sampleOf('webdancer/sample_traj.subset.jsonl').runs;
      const visited = runs.flatMap((run) => run.documents.filter((document) => document.how === 'visited'));
      const visits = runs.reduce((sum, run) => sum + (run.tools['visit'] ?? 0), 0);
      expect(visits).toBe(6);
      expect(visited.length).toBeGreaterThanOrEqual(5);
      const matched = runs.filter((run) =>
        run.documents.some(
          (page) =>
            page.how === 'visited' &&
            run.documents.some((hit) => hit.how === 'returned' && hit.key === page.key),
        ),
      );
      expect(matched.length).toBeGreaterThanOrEqual(4);
    });

    it('reflections glued to a question are no part of it', () => {
      const run = sampleOf('react-text-log/50_sample_react_reflect_correct.txt').runs[5];
      expect(run?.task?.text).toBe(
        'In what state did this band form that is an American metalcore band, founded in mid-2009, and whose lead vocalist was Jerry Roush?',
      );
      expect(run?.groundTruth?.values).toEqual(['California']);
    });

    it('InterCode: statements with their tables, failures told from results, the database from MySQL messages', () => {
      const runs = sampleOf('intercode-sql/human_10_turns.json').runs;
      expect(runs[0]?.database).toBe('pets_1');
      expect(runs[0]?.queries.map((query) => query.tables.join())).toEqual([
        '',
        'student',
        'has_pet',
        'pets',
        'pets',
        'petid',
        'pets',
        'has_pet',
        'student',
      ]);
      expect(runs[0]?.queries.map((query) => query.succeeded)).toEqual([
        true,
        true,
        true,
        true,
        true,
        false,
        true,
        true,
        true,
      ]);
      const gpt4 = sampleOf('intercode-sql/gpt-4_10_turns.subset.json').runs;
      const failed = gpt4.flatMap((run) => run.queries).filter((query) => query.succeeded === false);
      expect(failed.length).toBe(252);
    });

    it('BIRD-Interact: ten databases, submissions without rows, the answer that passed', () => {
      const runs = sampleOf('bird-interact/a_interact_samples.json').runs;
      expect(runs.every((run) => run.database !== null)).toBe(true);
      const calls = runs.reduce((sum, run) => sum + (run.tools['execute_sql'] ?? 0), 0);
      expect(calls).toBe(55);
      const submissions = runs.flatMap((run) =>
        run.queries.filter(
          (query) => run.steps[query.stepIndex]?.type === 'toolCall' && query.result === null,
        ),
      );
      expect(submissions).toHaveLength(24);
    });
  },
);
