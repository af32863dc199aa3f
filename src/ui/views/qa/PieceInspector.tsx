import type { ReactNode } from 'react';
import type { EvidenceSource, Example } from '../../../compile/types.ts';
import type { ExampleTokens } from '../../../workers/dataApi.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatCount, formatShare } from '../../widgets/format.ts';
import { Badge, OutcomeMark, RoleMark } from '../../widgets/Marks.tsx';
import { InspectorPanel } from '../../app/Inspector.tsx';
import { checkName, sortedChecks } from './Checks.tsx';
import type { DocumentPiece } from './readerDocument.ts';

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Place({ source }: { source: EvidenceSource }) {
  return (
    <span className="qa-place">
      <span className="mono">{source.file}</span>
      <span className="faint">
        {source.rendering === 'table' ? 'table' : `record ${source.record}`}{' '}
        <span className="mono">{source.path || '(whole record)'}</span>
        {source.start === undefined || source.end === undefined
          ? ''
          : `, characters ${formatCount(source.start)}–${formatCount(source.end)}`}
      </span>
    </span>
  );
}

/** Where a piece of the context comes from, to the turn and the character. */
export function PieceInspector({
  piece,
  tokens,
  isPreview,
  onOpenTurn,
  onShow,
}: {
  piece: DocumentPiece;
  tokens: ExampleTokens | null;
  /** Hovered, not chosen. */
  isPreview: boolean;
  onOpenTurn: (source: EvidenceSource) => void;
  onShow: () => void;
}) {
  const { evidence } = piece;
  const { source } = evidence;
  const range = tokens?.pieces.find(({ id }) => id === evidence.id);
  const tokenCount = range ? range.end - range.start : undefined;
  return (
    <InspectorPanel
      first
      title={
        <span className="qa-piece-title">
          <span className="mono">{evidence.id}</span> <RoleMark role={evidence.role} />
          {evidence.tier ? <Badge>{evidence.tier === 1 ? 'opened' : 'only returned'}</Badge> : null}
          {isPreview ? <Badge>preview</Badge> : null}
        </span>
      }
    >
      <p className="qa-piece-name">{evidence.title}</p>
      <dl className="qa-facts">
        <Fact name="Turn">
          {source.rendering === 'table' ? `first queried in turn ${source.turn}` : `turn ${source.turn}`}
        </Fact>
        <Fact name="Tokens">
          <span className="num">
            {tokenCount === undefined ? 'being counted' : formatCount(tokenCount)}
            {tokens && tokenCount !== undefined
              ? ` (${formatShare(tokenCount / tokens.total)} of the prompt)`
              : ''}
          </span>
        </Fact>
        <Fact name="Place">
          <span className="num">
            depth {piece.depth.toFixed(2)}
            {range ? `, tokens ${formatCount(range.start)}–${formatCount(range.end)}` : ''}
            <span className="faint">
              {' '}
              characters {formatCount(evidence.start)}–{formatCount(evidence.end)}
            </span>
          </span>
        </Fact>
        <Fact name="Source">
          <Place source={source} />
        </Fact>
        {evidence.alsoAt && evidence.alsoAt.length > 0 ? (
          <Fact name="Also seen">
            <ul>
              {evidence.alsoAt.map((other, index) => (
                <li key={index}>
                  <button type="button" className="qa-link" onClick={() => onOpenTurn(other)}>
                    turn {other.turn}
                  </button>{' '}
                  <span className="faint mono">{other.path}</span>
                </li>
              ))}
            </ul>
          </Fact>
        ) : null}
        <Fact name="Training">
          agent SFT: not trained · ACC: context
          {evidence.masked && evidence.masked.length > 0 ? ' · partly replaced by the evidence mask' : ''}
        </Fact>
      </dl>
      <div className="qa-piece-actions">
        <Button icon="open" onClick={() => onOpenTurn(source)}>
          Open turn
        </Button>
        <Button variant="ghost" icon="eye" onClick={onShow}>
          Show in context
        </Button>
      </div>
    </InspectorPanel>
  );
}

/** What the example is and how its checks came out. */
export function ExampleInspector({
  example,
  onOpenTrajectory,
}: {
  example: Example;
  onOpenTrajectory: () => void;
}) {
  const budget = useApp(
    ({ compile }) =>
      compile.sets.find(({ id }) => id === compile.currentSetId)?.request.options.budget ?? null,
  );
  const { prompt, completion, tokenizer } = example.tokens;
  return (
    <InspectorPanel title="Example">
      <dl className="qa-facts">
        <Fact name="Id">
          <span className="mono">{example.id}</span>
        </Fact>
        <Fact name="Length">
          <span className="num">
            {formatCount(prompt)} + {formatCount(completion)} tokens ({tokenizer})
            {budget ? `, ${formatShare(prompt / budget)} of the budget` : ''}
          </span>
        </Fact>
        <Fact name="Order">
          {example.order}, seed {example.seed}
        </Fact>
        <Fact name="From">
          <span className="qa-place">
            <button type="button" className="qa-link mono" onClick={onOpenTrajectory}>
              {example.source.trajectoryId}
            </button>
            <span className="faint">
              {example.source.format}, {example.source.file}, record {example.source.record}
            </span>
          </span>
        </Fact>
        {example.flags.length > 0 ? (
          <Fact name="Flags">
            <span className="qa-flags">
              {example.flags.map((flag) => (
                <Badge key={flag} tone="warn">
                  {flag}
                </Badge>
              ))}
            </span>
          </Fact>
        ) : null}
        <Fact name="Checks">
          <ul className="qa-check-lines">
            {sortedChecks(example.verification).map((check) => (
              <li key={check.check}>
                <OutcomeMark outcome={check.status}>{checkName(check.check)}</OutcomeMark>
              </li>
            ))}
          </ul>
        </Fact>
      </dl>
    </InspectorPanel>
  );
}
