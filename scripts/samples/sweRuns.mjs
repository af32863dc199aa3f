/** Sample software-engineering agents on an invented tide-table library. The views they saw are its real files. */

const files = {
  'tidemark/__init__.py': `"""Tide tables from harbour predictions."""

from .parse import parse_table
from .units import feet_to_metres, metres_to_feet

__all__ = ["parse_table", "feet_to_metres", "metres_to_feet"]
`,
  'tidemark/parse.py': `"""Reads the text form of a tide table: one line a tide, 'HH:MM  height  H|L'."""

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True)
class Tide:
    at: time
    height: float
    is_high: bool


class TableError(ValueError):
    """A line that is not a tide; \`line\` counts from 1."""

    def __init__(self, line, text):
        super().__init__(f"line {line}: not a tide: {text!r}")
        self.line = line


def parse_table(text):
    """Returns the tides of a table in the order of the text."""
    tides = []
    for number, line in enumerate(text.splitlines()):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 3 or parts[2] not in ("H", "L"):
            raise TableError(number, line)
        hour, minute = parts[0].split(":")
        tides.append(Tide(time(int(hour), int(minute)), float(parts[1]), parts[2] == "H"))
    return tides
`,
  'tidemark/units.py': `"""Conversions between the units that harbours use."""

METRES_PER_FOOT = 0.3048


def feet_to_metres(feet):
    return feet * METRES_PER_FOOT


def metres_to_feet(metres):
    return metres * METRES_PER_FOOT


def format_height(metres, unit="m"):
    """Height with one decimal and its unit, e.g. '3.4 m'."""
    value = metres if unit == "m" else metres_to_feet(metres)
    return f"{value:.1f} {unit}"
`,
  'tidemark/report.py': `"""Prints a day of tides for people."""

from .units import format_height


def daily_report(harbour, tides, unit="m"):
    """One heading and one line a tide, the highest tide marked with a star."""
    lines = [f"Tides at {harbour}"]
    highest = max(tide.height for tide in tides)
    for tide in tides:
        name = "high" if tide.is_high else "low"
        mark = " *" if tide.height == highest else ""
        lines.append(f"{tide.at:%H:%M}  {name:<4}  {format_height(tide.height, unit)}{mark}")
    return "\\n".join(lines)
`,
  'tests/test_parse.py': `import pytest

from tidemark import parse_table
from tidemark.parse import TableError


def test_reads_high_and_low():
    tides = parse_table("04:12  3.4  H\\n10:31  0.6  L")
    assert [tide.is_high for tide in tides] == [True, False]


def test_names_the_line():
    with pytest.raises(TableError) as caught:
        parse_table("04:12  3.4  H\\nnonsense")
    assert caught.value.line == 2
`,
  'tests/test_units.py': `from tidemark.units import feet_to_metres, metres_to_feet


def test_there_and_back():
    assert abs(metres_to_feet(feet_to_metres(12)) - 12) < 1e-9
`,
};

const lister = `.
./tidemark
${Object.keys(files)
  .map((path) => `./${path}`)
  .sort()
  .join('\n')}`;

const numbered = (text) =>
  text
    .replace(/\n$/, '')
    .split('\n')
    .map((line, index) => `${String(index + 1).padStart(6)}\t${line}`)
    .join('\n');

/** A unified diff of one replaced block with three lines around it. */
function diff(path, before, after) {
  const old = before.split('\n');
  const now = after.split('\n');
  let start = 0;
  while (old[start] === now[start]) start++;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const from = Math.max(0, start - 3);
  const oldStop = Math.min(old.length - 1, old.length - end + 3);
  const nowStop = Math.min(now.length - 1, now.length - end + 3);
  const lines = [
    ...old.slice(from, start).map((line) => ` ${line}`),
    ...old.slice(start, old.length - end).map((line) => `-${line}`),
    ...now.slice(start, now.length - end).map((line) => `+${line}`),
    ...old.slice(old.length - end, oldStop).map((line) => ` ${line}`),
  ];
  return [
    `diff --git a/${path} b/${path}`,
    `--- a/${path}`,
    `+++ b/${path}`,
    `@@ -${from + 1},${oldStop - from} +${from + 1},${nowStop - from} @@`,
    ...lines,
    '',
  ].join('\n');
}

const runs = [
  {
    id: 'tidemark__tidemark-14',
    issue: `TableError reports the wrong line

parse_table says "line 1" for an error on the second line of a table. The documentation of TableError says that lines count from 1, and editors do so too.

    >>> parse_table("04:12  3.4  H\\nnonsense")
    TableError: line 1: not a tide: 'nonsense'`,
    views: ['tidemark/parse.py', 'tests/test_parse.py'],
    path: 'tidemark/parse.py',
    old: 'for number, line in enumerate(text.splitlines()):',
    now: 'for number, line in enumerate(text.splitlines(), start=1):',
    thoughts: [
      'I look at the repository first.',
      'The error is raised in the parser, so I read that file.',
      '`enumerate` counts from 0, while `TableError` promises lines from 1. I check the test before changing anything.',
      'The test expects 2 for the second line. `enumerate` needs start=1; nothing else uses `number`.',
      'Now I run the tests.',
    ],
    test: 'tests/test_parse.py ..                                                   [100%]\n\n2 passed in 0.02s',
  },
  {
    id: 'tidemark__tidemark-21',
    issue: `metres_to_feet gives too small heights

With unit="ft" the daily report prints 1.0 ft for a tide of 3.4 m. It should be 11.2 ft.`,
    views: ['tidemark/report.py', 'tidemark/units.py', 'tests/test_units.py'],
    path: 'tidemark/units.py',
    old: `def metres_to_feet(metres):
    return metres * METRES_PER_FOOT`,
    now: `def metres_to_feet(metres):
    return metres / METRES_PER_FOOT`,
    thoughts: [
      'I look at the repository first.',
      'The report prints the heights; I see where they come from.',
      '`format_height` calls `metres_to_feet` of units.py.',
      'Metres are multiplied by metres per foot instead of divided. Is there a test for it?',
      'There is a round trip test, which fails with the present code. I divide.',
      'Now I run the tests.',
    ],
    test: 'tests/test_parse.py ..                                                   [ 66%]\ntests/test_units.py .                                                    [100%]\n\n3 passed in 0.02s',
  },
  {
    id: 'tidemark__tidemark-27',
    issue: `daily_report fails for a day without tides

daily_report("Port Ansel", []) raises "ValueError: max() arg is an empty sequence". A day without predictions should give the heading and a line "no predictions".`,
    views: ['tidemark/report.py'],
    path: 'tidemark/report.py',
    old: `    highest = max(tide.height for tide in tides)
`,
    now: `    if not tides:
        return "\\n".join([*lines, "no predictions"])
    highest = max(tide.height for tide in tides)
`,
    thoughts: [
      'I look at the repository first.',
      'The function is in report.py.',
      '`max` of an empty sequence raises. An early return after the heading is enough.',
      'Now I run the tests.',
    ],
    test: 'tests/test_parse.py ..                                                   [ 66%]\ntests/test_units.py .                                                    [100%]\n\n3 passed in 0.02s',
  },
];

/** Thought, command and output of every step of a run. */
function stepsOf(run) {
  const before = files[run.path];
  const after = before.replace(run.old, run.now);
  const steps = [['find . -name "*.py" -o -type d -not -path "*/.*"', lister]];
  for (const path of run.views) steps.push([`cat -n ${path}`, numbered(files[path])]);
  const edit = { command: 'str_replace', path: `/testbed/${run.path}`, old_str: run.old, new_str: run.now };
  const lines = after.split('\n');
  const at = lines.findIndex((line, index) => line !== before.split('\n')[index]);
  const shown = lines.slice(Math.max(0, at - 3), at + 5);
  steps.push([
    edit,
    `The file /testbed/${run.path} has been edited. Here's the result of running \`cat -n\` on a snippet:\n${shown
      .map((line, index) => `${String(Math.max(0, at - 3) + index + 1).padStart(6)}\t${line}`)
      .join('\n')}`,
  ]);
  steps.push(['python -m pytest -q', run.test]);
  return { steps, patch: diff(run.path, before, after) };
}

/** Rows as published sets of software-engineering runs have them: messages with tool calls, verdict and patch. */
export function sweRows() {
  return runs.slice(0, 2).map((run) => {
    const { steps, patch } = stepsOf(run);
    const messages = [
      {
        role: 'system',
        content:
          'You are a software engineer working in /testbed. Solve the issue with as small a change as possible, run the tests, then submit.',
      },
      {
        role: 'user',
        content: `<issue>\n${run.issue}\n</issue>\n\nFix this issue in the repository at /testbed.`,
      },
    ];
    steps.forEach(([command, output], index) => {
      const id = `call_${run.id.split('-')[1]}_${index + 1}`;
      const name = typeof command === 'string' ? 'bash' : 'str_replace_editor';
      const args = typeof command === 'string' ? { command } : command;
      messages.push({
        role: 'assistant',
        content: run.thoughts[index],
        tool_calls: [{ id, type: 'function', function: { name, arguments: JSON.stringify(args) } }],
      });
      messages.push({ role: 'tool', tool_call_id: id, name, content: output });
    });
    messages.push({ role: 'assistant', content: 'The tests pass. The change is complete.' });
    return {
      instance_id: run.id,
      repo: 'tidemark/tidemark',
      model: 'sample-agent',
      messages,
      patch,
      resolved: true,
      license: 'MIT',
    };
  });
}

/** The third run as a SWE-agent trajectory file. Such files do not say whether the tests of the issue passed. */
export function sweAgentFile() {
  const run = runs[2];
  const { steps, patch } = stepsOf(run);
  const trajectory = steps.map(([command, output], index) => {
    const action =
      typeof command === 'string'
        ? command
        : `str_replace_editor str_replace ${command.path} --old_str '${command.old_str}' --new_str '${command.new_str}'`;
    return {
      action,
      observation: output,
      response: `${run.thoughts[index]}\n\n\`\`\`\n${action}\n\`\`\``,
      thought: run.thoughts[index],
      execution_time: 0.1,
      state: { working_dir: '/testbed' },
    };
  });
  trajectory.push({
    action: 'submit',
    observation: patch,
    response: 'The change is complete, I submit it.\n\n```\nsubmit\n```',
    thought: 'The change is complete, I submit it.',
    execution_time: 0.1,
    state: { working_dir: '/testbed' },
  });
  const history = [
    {
      role: 'system',
      content: 'You are a software engineer working in /testbed.',
      agent: 'main',
      message_type: 'system_prompt',
    },
    {
      role: 'user',
      content: `Here is the issue:\n<pr_description>\n${run.issue}\n</pr_description>\n\nSolve it in /testbed.`,
      agent: 'main',
      message_type: 'observation',
    },
    ...trajectory.flatMap((step) => [
      {
        role: 'assistant',
        content: step.response,
        thought: step.thought,
        action: step.action,
        agent: 'main',
        message_type: 'action',
      },
      { role: 'user', content: step.observation, agent: 'main', message_type: 'observation' },
    ]),
  ];
  return {
    environment: 'main',
    trajectory,
    history,
    info: {
      exit_status: 'submitted',
      submission: patch,
      model_stats: { api_calls: trajectory.length },
      swe_agent_version: '1.1.0',
    },
  };
}
