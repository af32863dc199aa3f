import { useRef } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatBytes } from '../../widgets/format.ts';

/** Files of one role (databases, benchmarks): tick those to use, add more. */
export function AttachedFiles({
  fileRole,
  chosen,
  onChange,
  addLabel,
  none,
}: {
  fileRole: 'database' | 'benchmark';
  chosen: readonly number[];
  onChange: (ids: readonly number[]) => void;
  addLabel: string;
  /** Said when there is no such file. */
  none: string;
}) {
  const files = useApp((state) => state.project.files);
  const importSources = useApp((state) => state.project.importSources);
  const go = useApp((state) => state.route.go);
  const input = useRef<HTMLInputElement>(null);
  const ofRole = files.filter((file) =>
    fileRole === 'database' ? file.databases.length > 0 : file.role === fileRole,
  );
  return (
    <div className="cv-files">
      {ofRole.length === 0 ? <p className="w-hint">{none}</p> : null}
      <ul>
        {ofRole.map((file) => (
          <li key={file.id}>
            <label>
              <input
                type="checkbox"
                checked={chosen.includes(file.id)}
                onChange={(event) =>
                  onChange(
                    event.target.checked ? [...chosen, file.id] : chosen.filter((id) => id !== file.id),
                  )
                }
              />
              <span className="truncate mono">{file.path}</span>
              <span className="faint num">{formatBytes(file.sizeBytes)}</span>
            </label>
          </li>
        ))}
      </ul>
      <Button variant="ghost" icon="plus" onClick={() => input.current?.click()}>
        {addLabel}
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={addLabel}
        onChange={(event) => {
          const sources = [...(event.target.files ?? [])].map((file) => ({
            type: 'file' as const,
            file,
            path: file.name,
          }));
          event.target.value = '';
          // Importing shows the table of trajectories; here the recipe stays in front.
          void importSources(sources).then(() => go('compile'));
        }}
      />
    </div>
  );
}
