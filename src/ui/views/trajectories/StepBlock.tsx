import { memo, useMemo } from 'react';
import type { DocumentSeen, Step } from '../../../trajectories/schema.ts';
import { formatRoute } from '../../../state/route.ts';
import { formatBytes, formatCount } from '../../widgets/format.ts';
import { Icon, type IconName } from '../../widgets/Icon.tsx';
import { Badge } from '../../widgets/Marks.tsx';
import type { StepPieces } from './useStepPieces.ts';
import { chunkText, isTrainedByAgentSft, stepTitle } from './turns.ts';

const stepIcons: Readonly<Record<Step['type'], IconName>> = {
  message: 'document',
  reasoning: 'bulb',
  toolCall: 'play',
  toolResult: 'download',
  other: 'more',
};
const seenWords: Readonly<Record<DocumentSeen['how'], string>> = {
  returned: 'returned',
  visited: 'visited',
  opened: 'opened',
  edited: 'edited',
};

/** Documents shown by name in a step's heading; the rest are counted. */
const namedDocuments = 3;

function DocumentChips({ documents }: { documents: readonly DocumentSeen[] }) {
  if (documents.length === 0) return null;
  const rest = documents.length - namedDocuments;
  return (
    <ul className="step-documents" aria-label="Documents seen here">
      {documents.slice(0, namedDocuments).map((document, index) => (
        <li key={index} title={document.key}>
          <span className="step-document-how">{seenWords[document.how]}</span>
          <span className="truncate">{document.title || document.key}</span>
          {document.lines ? (
            <span className="faint num">
              lines {document.lines.first}–{document.lines.last}
            </span>
          ) : null}
        </li>
      ))}
      {rest > 0 ? <li>{`+${formatCount(rest)} more`}</li> : null}
    </ul>
  );
}

/** Arguments with texts as they are meant, not as JSON escapes them. Null where the raw text reads as well. */
function argumentsOf(step: Step): readonly (readonly [name: string, value: string])[] | null {
  if (step.type !== 'toolCall' || step.arguments === null) return null;
  const entries = Object.entries(step.arguments);
  if (entries.length === 0) return null;
  return entries.map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value, null, 2),
  ]);
}

function Arguments({ entries }: { entries: readonly (readonly [string, string])[] }) {
  return (
    <dl className="step-arguments">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <pre>{value}</pre>
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface StepBlockProps {
  readonly step: Step;
  /** The text that is shown: cut, whole, or fetched. */
  readonly text: string;
  readonly fullLength: number;
  readonly documents: readonly DocumentSeen[];
  /** Pieces of the current set's example that this step gave. */
  readonly pieces: StepPieces | undefined;
  /** Says what standard agent SFT would train on. */
  readonly showTrained: boolean;
  readonly isOpen: boolean;
  readonly isCurrent: boolean;
  /** Characters of it are marked: its text is shown as it stands, since only there they have a place. */
  readonly isMarked: boolean;
  readonly onToggle: (index: number, open: boolean) => void;
  readonly onShowAll: (index: number) => void;
  readonly onJump: (index: number) => void;
}

/** One step: heading, and its text in native text nodes, so that the browser's own search finds it. */
export const StepBlock = memo(function StepBlock({
  step,
  text,
  fullLength,
  documents,
  pieces,
  showTrained,
  isOpen,
  isCurrent,
  isMarked,
  onToggle,
  onShowAll,
  onJump,
}: StepBlockProps) {
  const chunks = useMemo(() => chunkText(text), [text]);
  const hidden = fullLength - text.length;
  const entries = hidden > 0 || isMarked ? null : argumentsOf(step);
  const isWholeDocument = documents.some(
    (document) => document.span.end - document.span.start > 0.8 * fullLength && fullLength > 0,
  );
  return (
    <details
      className={`step step-${step.type}`}
      id={`step-${step.index}`}
      data-role={step.type === 'message' ? step.role : undefined}
      data-current={isCurrent || undefined}
      data-document={isWholeDocument || undefined}
      data-trained={showTrained ? isTrainedByAgentSft(step) : undefined}
      open={isOpen}
      onToggle={(event) => {
        const { open } = event.currentTarget;
        if (open !== isOpen) onToggle(step.index, open);
      }}
    >
      <summary className="step-head">
        <Icon name={stepIcons[step.type]} />
        <span className="step-title">{stepTitle(step)}</span>
        {step.isDemonstration ? <Badge>demonstration</Badge> : null}
        {step.type === 'toolResult' && step.isError ? <Badge tone="bad">error</Badge> : null}
        {step.type === 'toolResult' && step.isTruncated ? (
          <span title="The log itself says that this output was cut; the rest is not in the file.">
            <Badge tone="warn">cut in the log</Badge>
          </span>
        ) : null}
        {showTrained ? (
          <Badge tone={isTrainedByAgentSft(step) ? 'accent' : 'neutral'}>
            {isTrainedByAgentSft(step) ? 'trained' : 'context only'}
          </Badge>
        ) : null}
        {step.speaker ? <span className="faint">{step.speaker}</span> : null}
        <span className="traj-space" />
        <span className="faint num">
          #{step.index} · {formatBytes(fullLength)}
        </span>
      </summary>
      {step.type === 'toolResult' && step.callStep !== null ? (
        <button type="button" className="step-jump" onClick={() => onJump(step.callStep ?? step.index)}>
          answers call #{step.callStep}
        </button>
      ) : null}
      {pieces ? (
        <p className="step-pieces">
          In the compiled example:{' '}
          {pieces.pieces.map(({ id, role }) => (
            <a
              key={id}
              href={formatRoute({
                view: 'qa',
                path: [pieces.setId, pieces.exampleId],
                params: { piece: id },
              })}
            >
              piece {id}, {role}
            </a>
          ))}
        </p>
      ) : null}
      <DocumentChips documents={documents} />
      {entries ? (
        <Arguments entries={entries} />
      ) : (
        <pre className="step-text" data-step-text={step.index}>
          {chunks.map((chunk) => (
            <span
              key={chunk.start}
              data-start={chunk.start}
              className={chunks.length > 1 ? 'step-chunk' : undefined}
            >
              {text.slice(chunk.start, chunk.end)}
            </span>
          ))}
        </pre>
      )}
      {hidden > 0 ? (
        <button type="button" className="step-more" onClick={() => onShowAll(step.index)}>
          Show {formatBytes(hidden)} more
          <span className="faint num"> ({formatCount(hidden)} characters)</span>
        </button>
      ) : null}
    </details>
  );
});
