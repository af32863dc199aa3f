import { memo, useState, type KeyboardEvent } from 'react';
import type { ReplyToken } from '../../../workers/engineApi.ts';
import { InspectorPanel } from '../../app/Inspector.tsx';
import { formatShare } from '../../widgets/format.ts';

/** Marks that make the invisible visible in tables. */
function visible(text: string): string {
  if (text === '') return '(part of a character)';
  return text.replaceAll('\n', '⏎').replaceAll('\t', '⇥').replace(/^ | $/g, '␣');
}

const bands = [0.9, 0.6, 0.3, 0.1] as const;

/** 0 for a certain token … 4 for a surprising one. */
function bandOf(token: ReplyToken): number {
  const probability = Math.exp(token.logprob);
  const band = bands.findIndex((bound) => probability >= bound);
  return band < 0 ? bands.length : band;
}

function describe(token: ReplyToken): string {
  const others = token.top
    .filter(({ id }) => id !== token.id)
    .slice(0, 3)
    .map((each) => `${visible(each.text)} ${formatShare(Math.exp(each.logprob))}`);
  return `${visible(token.text)}, probability ${formatShare(Math.exp(token.logprob))}${others.length > 0 ? `; then ${others.join(', ')}` : ''}`;
}

function TokenPanel({ token, position, pinned }: { token: ReplyToken; position: number; pinned: boolean }) {
  return (
    <InspectorPanel title={`Token ${position + 1}${pinned ? ', pinned' : ''}`} first>
      <p>
        <code>{visible(token.text)}</code> <span className="faint num">id {token.id}</span>
      </p>
      <table className="mv-top">
        <caption className="faint">
          Most probable next tokens, before temperature and filters; the chosen one is marked.
        </caption>
        <thead>
          <tr>
            <th scope="col">Token</th>
            <th scope="col">Probability</th>
          </tr>
        </thead>
        <tbody>
          {(token.top.some(({ id }) => id === token.id)
            ? token.top
            : [...token.top, { id: token.id, text: token.text, logprob: token.logprob }]
          ).map((each) => (
            <tr key={each.id} data-chosen={each.id === token.id || undefined}>
              <td>
                <code>{visible(each.text)}</code>
                {each.id === token.id ? <span className="visually-hidden"> (chosen)</span> : null}
              </td>
              <td className="num">
                <span className="mv-top-bar" style={{ inlineSize: `${Math.exp(each.logprob) * 3}rem` }} />
                {formatShare(Math.exp(each.logprob))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </InspectorPanel>
  );
}

const TokenSpan = memo(function TokenSpan({
  token,
  index,
  current,
}: {
  token: ReplyToken;
  index: number;
  current: boolean;
}) {
  return (
    <span data-token={index} data-band={bandOf(token)} data-current={current || undefined}>
      {token.text}
    </span>
  );
});

/**
 * The reply as its tokens. Hover shows a token's probability and rivals in the inspector, a click pins it; by
 * keyboard the text is one stop, arrows move through its tokens and Enter pins.
 */
export function ReplyTokens({ tokens, busy }: { tokens: readonly ReplyToken[]; busy: boolean }) {
  const [hovered, setHovered] = useState<number | null>(null);
  const [pinned, setPinned] = useState<number | null>(null);
  const shown = hovered ?? pinned;
  const token = shown === null ? undefined : tokens[shown];

  const indexAt = (target: EventTarget): number | null => {
    const index = target instanceof HTMLElement ? target.dataset['token'] : undefined;
    return index === undefined ? null : Number(index);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = shown ?? -1;
    const last = tokens.length - 1;
    const targets: Record<string, number> = {
      ArrowRight: Math.min(at + 1, last),
      ArrowLeft: Math.max(at - 1, 0),
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target !== undefined) setHovered(target);
    else if (event.key === 'Enter' && shown !== null) setPinned(pinned === shown ? null : shown);
    else if (event.key === 'Escape') {
      setHovered(null);
      setPinned(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      {/* A widget of its own: one tab stop, arrows within. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        className="mv-reply"
        role="group"
        aria-label="Reply, token by token: arrow keys move, Enter pins"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        aria-busy={busy}
        data-testid="reply"
        onKeyDown={onKeyDown}
        onBlur={() => setHovered(null)}
        onPointerOver={(event) => setHovered(indexAt(event.target))}
        onPointerLeave={() => setHovered(null)}
        onClick={(event) => {
          const index = indexAt(event.target);
          setPinned(index === pinned ? null : index);
        }}
      >
        {tokens.map((each, index) => (
          <TokenSpan key={index} token={each} index={index} current={index === shown} />
        ))}
      </div>
      <p className="visually-hidden" role="status">
        {token ? describe(token) : ''}
      </p>
      {token && shown !== null ? (
        <TokenPanel token={token} position={shown} pinned={shown === pinned} />
      ) : null}
    </>
  );
}
