import { useApp } from '../../state/useApp.ts';
import { Button, IconButton } from '../widgets/Button.tsx';
import { Icon } from '../widgets/Icon.tsx';
import { Menu, type MenuEntry } from '../widgets/Menu.tsx';

type Side = 'baseline' | 'comparison' | 'control';

const signs: Readonly<Record<Side, string>> = { baseline: '●', comparison: '■', control: '▲' };

function SideMenu({
  side,
  names,
  value,
  onChoose,
}: {
  side: Side;
  names: readonly string[];
  value: string | null;
  onChoose: (name: string | null) => void;
}) {
  // prettier-ignore
  const label = { baseline: 'baseline', comparison: 'against', control: 'control' }[side];
  const entries: MenuEntry[] = [
    { type: 'heading', id: 'heading', label: `The ${side}, in every view` },
    ...names.map((name): MenuEntry => ({ type: 'choice', id: name, label: name, checked: name === value, onSelect: () => onChoose(name) })), // prettier-ignore
    ...(side === 'baseline'
      ? []
      : [
          {
            type: 'choice' as const,
            id: ' none',
            label: 'None',
            checked: value === null,
            onSelect: () => onChoose(null),
          },
        ]),
  ];
  return (
    <Menu
      align="start"
      trigger={
        <Button variant="ghost" className="app-context-menu">
          <span className="app-context-side">{label}</span>
          <span className={`app-condition-${side}`} aria-hidden="true">
            {signs[side]}
          </span>
          <span className="truncate">{value ?? 'none'}</span>
          <Icon name="chevronDown" size="0.85em" />
        </Button>
      }
      entries={entries}
    />
  );
}

/** Who is compared with whom, for every view. There as soon as two subjects are known. */
export function ComparisonMenus() {
  const documents = useApp((state) => state.mechanism.documents);
  const documentId = useApp((state) => state.mechanism.documentId);
  const baseline = useApp((state) => state.mechanism.baseline);
  const comparison = useApp((state) => state.mechanism.comparison);
  const control = useApp((state) => state.mechanism.control);
  const setBaseline = useApp((state) => state.mechanism.setBaseline);
  const setComparison = useApp((state) => state.mechanism.setComparison);
  const setControl = useApp((state) => state.mechanism.setControl);
  const swap = useApp((state) => state.mechanism.swap);
  const runs = useApp((state) => state.evaluate.runs);
  const shown = documents.filter(({ id }) => id === documentId);
  const others = documents.filter(({ id }) => id !== documentId);
  // The shown document's subjects first.
  const names = [
    ...new Set([
      ...[...shown, ...others].flatMap(({ subjects }) => subjects.map(({ name }) => name)),
      ...runs.map(({ subject }) => subject),
    ]),
  ];
  if (names.length < 2) return null;
  return (
    <div className="app-context-compare" role="group" aria-label="Comparison">
      <SideMenu
        side="baseline"
        names={names}
        value={baseline}
        onChoose={(name) => name !== null && setBaseline(name)}
      />
      <IconButton
        icon="refresh"
        label="Swap baseline and comparison"
        disabled={comparison === null}
        onClick={swap}
      />
      <SideMenu
        side="comparison"
        names={names.filter((name) => name !== baseline)}
        value={comparison}
        onChoose={setComparison}
      />
      <SideMenu
        side="control"
        names={names.filter((name) => name !== baseline && name !== comparison)}
        value={control}
        onChoose={setControl}
      />
    </div>
  );
}
