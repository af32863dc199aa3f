import type { JsonObject } from '../core/json.ts';
import type { AgentRun, RepositoryRun, TableRun } from './agents.ts';

/** A run as a chat with tool calls, in the OpenAI form, with the truth and the reward beside it. */
export function chatRow(run: AgentRun): JsonObject {
  const messages: JsonObject[] = [
    { role: 'system', content: run.system },
    { role: 'user', content: run.question },
  ];
  run.steps.forEach((step, index) => {
    const id = `call_${String(index + 1)}`;
    const { name } = step.call;
    messages.push({
      role: 'assistant',
      content: null,
      reasoning_content: step.thought,
      tool_calls: [
        { id, type: 'function', function: { name, arguments: JSON.stringify(step.call.arguments) } },
      ],
    });
    messages.push({ role: 'tool', tool_call_id: id, name, content: step.observation });
  });
  if (run.answer !== null) {
    messages.push({ role: 'assistant', content: run.answer, reasoning_content: run.conclusion });
  }
  return { id: run.id, question: run.question, messages, answer: run.truth, reward: run.isRight ? 1 : 0 };
}

/** A run of the repository agent as a SWE-agent trajectory. Such logs do not say whether the tests passed. */
export function sweAgentLog(run: RepositoryRun): JsonObject {
  const trajectory: JsonObject[] = run.steps.map(({ thought, call, observation }) => {
    const { command, path, old_str: before, new_str: after } = call.arguments;
    const action =
      call.name === 'bash'
        ? (command ?? '')
        : `str_replace_editor str_replace ${path} --old_str '${before}' --new_str '${after}'`;
    return stepOf(thought, action, observation);
  });
  trajectory.push(stepOf(run.conclusion, 'submit', run.patch));
  return {
    environment: run.id,
    trajectory,
    history: [
      { role: 'system', content: run.system, agent: 'main', message_type: 'system_prompt' },
      {
        role: 'user',
        content: `<issue>\n${run.question}\n</issue>`,
        agent: 'main',
        message_type: 'observation',
      },
      ...trajectory.flatMap((step): JsonObject[] => [
        {
          role: 'assistant',
          content: step['response']!,
          thought: step['thought']!,
          action: step['action']!,
          agent: 'main',
          message_type: 'action',
        },
        { role: 'user', content: step['observation']!, agent: 'main', message_type: 'observation' },
      ]),
    ],
    info: {
      exit_status: 'submitted',
      submission: run.patch,
      model_stats: { api_calls: trajectory.length },
      swe_agent_version: '1.1.0',
    },
  };
}

function stepOf(thought: string, action: string, observation: string): JsonObject {
  return {
    action,
    observation,
    response: `${thought}\n\n\`\`\`\n${action}\n\`\`\``,
    thought,
    execution_time: 0.1,
    state: { working_dir: '/testbed' },
  };
}

/** The evaluation report beside SWE-agent logs: which issues are solved. */
export function sweReport(runs: readonly RepositoryRun[]): JsonObject {
  const idsOf = (isRight: boolean): string[] =>
    runs.filter((run) => run.isRight === isRight).map(({ id }) => id);
  return {
    total_instances: runs.length,
    submitted_ids: runs.map(({ id }) => id),
    completed_ids: runs.map(({ id }) => id),
    resolved_ids: idsOf(true),
    unresolved_ids: idsOf(false),
  };
}

/** A run of the table agent as an episode of InterCode's SQL environment, where agents choose their database first. */
export function interCodeEpisode(run: TableRun): JsonObject {
  const steps = run.steps.map(({ thought, call, observation }) => ({
    thought,
    action: call.arguments['query']!,
    observation,
  }));
  const turns = [
    { thought: 'Choose the database.', action: `USE ${run.database}`, observation: '[]' },
    ...steps,
  ];
  const last = turns.length - 1;
  return {
    environment: 'ic_sql',
    dataset: 'world',
    task_id: run.id,
    query: run.question,
    turn_history: {
      thoughts: turns.map(({ thought }, i) => (i === last ? run.conclusion : thought)),
      actions: turns.map(({ action }) => action),
      observations: turns.map(({ observation }) => observation),
      rewards: turns.map((_, i) => (i === last && run.isRight ? 1 : 0)),
      valid_action: turns.map(({ observation }) => !observation.startsWith('Error')),
    },
    summary: {
      max_reward: run.isRight ? 1 : 0,
      max_reward_idx: last,
      turns_taken: turns.length,
      turns_max: 12,
    },
  };
}
