import { useId } from 'react';
import type { ModelCard } from '../../../workers/engineApi.ts';
import { formatCount, plural } from '../../widgets/format.ts';

const column = 12;
const gap = 2;
const attentionHeight = 8;
const mlpHeight = 56;
/** Cells finer than this would be a grey haze. */
const leastCell = 2;

function captionOf(card: ModelCard): string {
  const { experts, layers } = card;
  const sparse = layers.filter(({ mlp }) => mlp === 'moe').length;
  const sliding = layers.filter(({ slidingWindow }) => slidingWindow !== null).length;
  const parts = [plural(layers.length, 'layer')];
  if (experts && sparse > 0) {
    const which = sparse === layers.length ? 'each' : formatCount(sparse);
    parts.push(
      `${which} with ${formatCount(experts.count)} experts, of which a token visits ${experts.perToken}`,
    );
  }
  if (sparse < layers.length) {
    parts.push(
      sparse === 0 ? 'all with a dense MLP' : `${formatCount(layers.length - sparse)} with a dense MLP`,
    );
  }
  if (sliding > 0) parts.push(`${formatCount(sliding)} see only a sliding window`);
  return `${parts.join('; ')}.`;
}

/** Layers from left to right: attention above, MLP below; an MLP of experts is drawn as their cells. */
export function LayerPicture({ card }: { card: ModelCard }) {
  const id = useId();
  const { layers, experts } = card;
  const width = layers.length * (column + gap) - gap;
  const height = attentionHeight + gap + mlpHeight;
  const rows = experts ? Math.min(experts.count, Math.floor(mlpHeight / leastCell)) : 1;
  const cell = mlpHeight / rows;
  const caption = captionOf(card);
  return (
    <figure className="mv-picture">
      <svg
        role="img"
        aria-labelledby={`${id}-caption`}
        viewBox={`0 0 ${width} ${height}`}
        style={{ inlineSize: `min(100%, ${width / 10}rem)` }}
        preserveAspectRatio="xMinYMid meet"
      >
        <defs>
          <pattern
            id={`${id}-cells`}
            width={column}
            height={cell}
            patternUnits="userSpaceOnUse"
            y={attentionHeight + gap}
          >
            <rect className="mv-expert" width={column} height={cell * 0.72} />
          </pattern>
        </defs>
        {layers.map((layer, index) => {
          const x = index * (column + gap);
          return (
            <g key={index}>
              <title>
                {`Layer ${index}: ${layer.slidingWindow === null ? 'full attention' : `window of ${formatCount(layer.slidingWindow)}`}, ${layer.mlp === 'moe' ? `${formatCount(experts?.count ?? 0)} experts` : 'dense MLP'}`}
              </title>
              <rect
                className={layer.slidingWindow === null ? 'mv-attention' : 'mv-attention-window'}
                x={x}
                width={column}
                height={attentionHeight}
              />
              <rect
                className={layer.mlp === 'moe' ? undefined : 'mv-dense'}
                fill={layer.mlp === 'moe' ? `url(#${id}-cells)` : undefined}
                x={x}
                y={attentionHeight + gap}
                width={column}
                height={mlpHeight}
              />
            </g>
          );
        })}
      </svg>
      <figcaption id={`${id}-caption`}>
        {caption} Upper row: attention; below: {experts ? 'experts' : 'MLP'}
        {experts && experts.count > rows ? ` (${formatCount(experts.count)}, drawn as ${rows} cells)` : ''}.
      </figcaption>
    </figure>
  );
}
