import { useEffect, useState } from 'react';
import type { Prompt } from '../../../model/prompt.ts';
import type { ModelTurn } from '../../../state/modelSlice.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatCount } from '../../widgets/format.ts';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select } from '../../widgets/Select.tsx';
import { EmptyState, ProgressBar } from '../../widgets/States.tsx';
import { SamplingPanel } from './SamplingPanel.tsx';
import { Turn } from './Turn.tsx';
import { withoutReasoning } from './compareAnswer.ts';

type Mode = 'chat' | 'text' | 'ids' | 'example';

/** What will be asked: the prompt, its words for the page, and the example it is, if one. */
interface Question {
  readonly asked: string;
  readonly prompt: Prompt;
  readonly example: ModelTurn['example'];
}

/** The conversation so far and a new message, as the chat template takes it. */
function chatPrompt(turns: readonly ModelTurn[], text: string): Prompt {
  const before = turns.flatMap((turn) =>
    turn.prompt.kind === 'messages' && turn.report && !turn.example
      ? [
          { role: 'user', content: turn.asked },
          { role: 'assistant', content: withoutReasoning(turn.report.text) },
        ]
      : [],
  );
  return { kind: 'messages', messages: [...before, { role: 'user', content: text }] };
}

function idsOf(text: string): number[] | null {
  const ids = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);
  return ids.length > 0 && ids.every((id) => Number.isInteger(id) && id >= 0) ? ids : null;
}

/** The example opened in QA, or one chosen here. */
function ExamplePicker() {
  const rows = useApp((state) => state.examples.rows);
  const setId = useApp((state) => state.examples.setId);
  const openedId = useApp((state) => state.examples.opened.id);
  const showRows = useApp((state) => state.examples.showRows);
  const open = useApp((state) => state.examples.open);
  useEffect(() => {
    if (setId !== null) showRows(0, 100);
  }, [setId, showRows]);
  const listed = rows.pages[0] ?? [];
  if (setId === null || listed.length === 0) {
    return <p className="muted">There is no compiled example yet: compile trajectories first.</p>;
  }
  return (
    <Select
      label="Compiled example"
      className="mv-example"
      value={openedId ?? ''}
      options={[
        ...(openedId === null ? [{ value: '', label: 'Choose a compiled example' }] : []),
        ...(openedId !== null && !listed.some(({ id }) => id === openedId)
          ? [{ value: openedId, label: openedId }]
          : []),
        ...listed.map((row) => ({
          value: row.id,
          label: row.id,
          hint: `${formatCount(row.promptTokens)} tokens · ${row.questionPreview}`,
        })),
      ]}
      onChange={(id) => {
        if (id !== '') void open(id);
      }}
    />
  );
}

function useQuestion(mode: Mode, text: string): Question | null {
  const turns = useApp((state) => state.model.turns);
  const opened = useApp((state) => state.examples.opened);
  if (mode === 'example') {
    if (opened.status !== 'ready') return null;
    const { example } = opened.value;
    const asked = example.messages.filter(({ role }) => role !== 'assistant');
    return {
      asked: example.question,
      prompt: { kind: 'messages', messages: asked.map(({ role, content }) => ({ role, content })) },
      example: { id: example.id, gold: example.answer },
    };
  }
  if (text.trim() === '') return null;
  if (mode === 'text') return { asked: text, prompt: { kind: 'text', text }, example: null };
  if (mode === 'chat') return { asked: text, prompt: chatPrompt(turns, text), example: null };
  const ids = idsOf(text);
  return ids && { asked: text, prompt: { kind: 'ids', ids }, example: null };
}

/** Tokens of the prompt, counted once the reader pauses. */
function usePromptTokens(question: Question | null): number | null {
  const countTokens = useApp((state) => state.model.countTokens);
  const ready = useApp((state) => state.model.loaded !== null);
  const [counted, setCounted] = useState<{ key: string; count: number | null } | null>(null);
  const key = question ? JSON.stringify(question.prompt) : '';
  useEffect(() => {
    if (key === '' || !ready) return undefined;
    let isCurrent = true;
    const timer = setTimeout(() => {
      void countTokens(JSON.parse(key) as Prompt).then((count) => {
        if (isCurrent) setCounted({ key, count });
      });
    }, 250);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [key, ready, countTokens]);
  return counted?.key === key ? counted.count : null;
}

const modes = [
  { value: 'chat', label: 'Chat' },
  { value: 'text', label: 'Complete' },
  { value: 'example', label: 'Example' },
  { value: 'ids', label: 'Token ids' },
] as const;

const placeholders: Readonly<Record<Exclude<Mode, 'example'>, string>> = {
  chat: 'Write to the model. Ctrl+Enter sends.',
  text: 'Text that the model goes on from, taken as it is.',
  ids: 'Token ids, separated by spaces or commas.',
};

function Composer() {
  const [mode, setMode] = useState<Mode>('chat');
  const [text, setText] = useState('');
  const question = useQuestion(mode, text);
  const promptTokens = usePromptTokens(question);
  const ask = useApp((state) => state.model.ask);
  const work = useApp((state) => state.model.work);
  const cancel = useApp((state) => state.model.cancel);
  const loaded = useApp((state) => state.model.loaded);
  const context = loaded?.options.contextLength ?? 0;
  const tooLong = promptTokens !== null && promptTokens > context;
  const send = (): void => {
    if (!question || work) return;
    if (mode === 'chat') setText('');
    void ask(question.asked, question.prompt, question.example);
  };
  return (
    <form
      className="mv-composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="mv-composer-head">
        <Segmented label="What to ask with" value={mode} segments={modes} onChange={setMode} />
        {promptTokens === null ? null : (
          <span className={`num ${tooLong ? 'mv-too-long' : 'faint'}`} role="status">
            {formatCount(promptTokens)} of {formatCount(context)} tokens
            {tooLong ? ': load with a longer context' : ''}
          </span>
        )}
      </div>
      {mode === 'example' ? (
        <ExamplePicker />
      ) : (
        <textarea
          className="w-input mv-prompt"
          aria-label="Prompt"
          rows={3}
          value={text}
          placeholder={placeholders[mode]}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            send();
          }}
        />
      )}
      <SamplingPanel />
      <div className="mv-composer-foot">
        {work?.kind === 'generating' ? (
          <>
            <Button icon="stop" onClick={cancel}>
              Stop
            </Button>
            {work.done < work.total ? (
              <ProgressBar
                label="Reading the prompt"
                value={work.done / work.total}
                text={`${formatCount(work.done)} of ${formatCount(work.total)} tokens`}
              />
            ) : null}
          </>
        ) : (
          <Button type="submit" variant="primary" disabled={!question || tooLong || !loaded || work !== null}>
            {mode === 'chat' ? 'Send' : 'Generate'}
          </Button>
        )}
      </div>
    </form>
  );
}

/** Asking the loaded model: the exchanges so far, and what to ask next. */
export function Conversation() {
  const loaded = useApp((state) => state.model.loaded);
  const cardStatus = useApp((state) => state.model.card.status);
  const turns = useApp((state) => state.model.turns);
  const isGenerating = useApp((state) => state.model.work?.kind === 'generating');
  const clear = useApp((state) => state.model.clearTurns);
  if (!loaded) {
    return (
      <EmptyState
        icon="bulb"
        title={cardStatus === 'ready' ? 'Load the model to ask it' : 'No model is open'}
      >
        {cardStatus === 'ready'
          ? 'Choose on the left how its weights are held and how long the context is, then load it.'
          : 'Open a checkpoint folder, or the model that comes with this page. Its card, what it takes and the place to ask it appear here.'}
      </EmptyState>
    );
  }
  return (
    <div className="mv-conversation">
      {turns.map((turn, index) => (
        <Turn
          key={turn.id}
          turn={turn}
          running={isGenerating && index === turns.length - 1 && !turn.report && !turn.failure}
        />
      ))}
      {turns.length > 0 && !isGenerating ? (
        <Button variant="ghost" icon="trash" onClick={clear}>
          Start anew
        </Button>
      ) : null}
      <Composer />
    </div>
  );
}
