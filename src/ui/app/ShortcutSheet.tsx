import { useApp } from '../../state/useApp.ts';
import { Dialog } from '../widgets/Dialog.tsx';
import { Keys } from '../widgets/Keys.tsx';
import { Switch } from '../widgets/Switch.tsx';
import { currentCommands, useCommandLists, type Command } from './commands.ts';

function byGroup(commands: readonly Command[]): readonly (readonly [string, readonly Command[]])[] {
  const groups = new Map<string, Command[]>();
  for (const command of commands) {
    if (!command.keys) continue;
    const group = groups.get(command.group) ?? [];
    group.push(command);
    groups.set(command.group, group);
  }
  return [...groups];
}

/** All shortcuts that work in the view shown, and the switch that turns letters off. */
export default function ShortcutSheet() {
  const open = useApp((state) => state.ui.helpOpen);
  const setOpen = useApp((state) => state.ui.setHelpOpen);
  const letterKeys = useApp((state) => state.ui.letterKeys);
  const setLetterKeys = useApp((state) => state.ui.setLetterKeys);
  useCommandLists();
  return (
    <Dialog
      open={open}
      onClose={() => setOpen(false)}
      size="lg"
      title="Keyboard shortcuts"
      description="Those of the view behind this sheet and those that work everywhere."
      footer={
        <Switch
          label="Single-letter shortcuts"
          hint="Off leaves only Ctrl and ⌘ combinations and named keys."
          checked={letterKeys}
          onChange={setLetterKeys}
        />
      }
    >
      <div className="app-shortcuts">
        {byGroup(currentCommands()).map(([group, commands]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {commands.map((command) => (
                <div key={command.id}>
                  <dt>{command.title}</dt>
                  <dd>
                    <Keys keys={command.keys ?? ''} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
