import { projectorScales } from '../../state/uiSlice.ts';
import { useApp } from '../../state/useApp.ts';
import { IconButton } from '../widgets/Button.tsx';
import { Menu, type MenuEntry } from '../widgets/Menu.tsx';

/** Theme, density, projector scale and keys. */
export function SettingsMenu() {
  const ui = useApp((state) => state.ui);
  const entries: MenuEntry[] = [
    { type: 'heading', id: 'theme', label: 'Theme' },
    ...(['system', 'light', 'dark'] as const).map((theme): MenuEntry => ({
      type: 'choice',
      id: `theme-${theme}`,
      label: { system: 'As the system', light: 'Light', dark: 'Dark' }[theme],
      checked: ui.theme === theme,
      onSelect: () => ui.setTheme(theme),
    })),
    { type: 'line', id: 'line-1' },
    { type: 'heading', id: 'density', label: 'Density' },
    ...(['compact', 'comfortable'] as const).map((density): MenuEntry => ({
      type: 'choice',
      id: `density-${density}`,
      label: { compact: 'Compact', comfortable: 'Comfortable' }[density],
      checked: ui.density === density,
      onSelect: () => ui.setDensity(density),
    })),
    { type: 'line', id: 'line-2' },
    { type: 'heading', id: 'scale', label: 'Projector' },
    ...projectorScales.map((scale): MenuEntry => ({
      type: 'choice',
      id: `scale-${scale}`,
      label: scale === 1 ? 'Off' : `${scale * 100}%`,
      checked: ui.projectorScale === scale,
      onSelect: () => ui.setProjectorScale(scale),
    })),
    { type: 'line', id: 'line-3' },
    {
      type: 'choice',
      id: 'letters',
      label: 'Single-letter shortcuts',
      checked: ui.letterKeys,
      onSelect: () => ui.setLetterKeys(!ui.letterKeys),
    },
    {
      id: 'help',
      icon: 'keyboard',
      label: 'All shortcuts',
      keys: '?',
      onSelect: () => ui.setHelpOpen(true),
    },
  ];
  return <Menu trigger={<IconButton icon="settings" label="Settings" />} entries={entries} />;
}
