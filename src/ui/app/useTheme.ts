import { useEffect, useState } from 'react';
import { useApp } from '../../state/useApp.ts';

const darkQuery = '(prefers-color-scheme: dark)';

function usePrefersDark(): boolean {
  const [dark, setDark] = useState(() => window.matchMedia(darkQuery).matches);
  useEffect(() => {
    const query = window.matchMedia(darkQuery);
    const follow = (): void => setDark(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return dark;
}

/** The theme in effect: the reader's choice, else the system's. */
export function useTheme(): 'light' | 'dark' {
  const choice = useApp((state) => state.ui.theme);
  const prefersDark = usePrefersDark();
  return choice === 'system' ? (prefersDark ? 'dark' : 'light') : choice;
}

/** Writes theme, density and projector scale to the root element, from which all CSS follows. */
export function useRootAttributes(): void {
  const theme = useTheme();
  const density = useApp((state) => state.ui.density);
  const scale = useApp((state) => state.ui.projectorScale);
  useEffect(() => {
    const root = document.documentElement;
    root.dataset['theme'] = theme;
    root.dataset['density'] = density;
    root.style.setProperty('--scale', String(scale));
    document
      .querySelector('meta[name=theme-color]')
      ?.setAttribute('content', theme === 'dark' ? '#0d1014' : '#f4f5f7');
  }, [theme, density, scale]);
}
