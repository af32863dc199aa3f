import { expect } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import type { Step } from '../../../src/trajectories/schema.ts';
import { textAt } from '../../../src/trajectories/sourcePath.ts';

/** Checks index, turn and join of each step, and that every ranged text stands at its source. */
export function expectSound(steps: readonly Step[], records: readonly JsonValue[]): void {
  let turn = -1;
  for (const [index, step] of steps.entries()) {
    expect(step.index).toBe(index);
    expect(step.turn).toBeGreaterThanOrEqual(turn);
    turn = step.turn;
    if (step.range !== null) {
      const source = textAt(records[step.at.record] ?? null, step.at.path);
      expect(source?.slice(step.range.start, step.range.end), `${step.type} at ${step.at.path}`).toBe(
        step.text,
      );
    }
    if (step.type === 'toolResult' && step.callStep !== null) {
      expect(step.callStep).toBeLessThan(index);
      expect(steps[step.callStep]?.type).toBe('toolCall');
    }
  }
}

/** One line a step, for tests that read as tables. */
export function outline(steps: readonly Step[]): string[] {
  return steps.map((step) => {
    const text = step.text.length > 60 ? `${step.text.slice(0, 57)}...` : step.text;
    switch (step.type) {
      case 'message':
        return `${step.turn} ${step.role}${step.injected ? ' (injected)' : ''}: ${text}`;
      case 'toolCall':
        return `${step.turn} call ${step.name}: ${text}`;
      case 'toolResult':
        return `${step.turn} result of ${step.name ?? '?'}${step.isError ? ' (error)' : ''}: ${text}`;
      case 'reasoning':
        return `${step.turn} reasoning: ${text}`;
      case 'other':
        return `${step.turn} other ${step.label}: ${text}`;
    }
  });
}
