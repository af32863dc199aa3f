import { useId, useRef, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { HiddenFileInput } from '../../widgets/HiddenFileInput.tsx';
import { pickFiles, readFileList, readPastedText } from './readDrop.ts';

/** Buttons that open files and folders. */
export function ImportButtons({ size = 'md', primary = false }: { size?: 'md' | 'lg'; primary?: boolean }) {
  const importSources = useApp((state) => state.project.importSources);
  const fileInput = useRef<HTMLInputElement>(null);
  const folderInput = useRef<HTMLInputElement>(null);

  const chooseFiles = async (): Promise<void> => {
    const picked = await pickFiles();
    if (picked) await importSources(picked);
    else fileInput.current?.click();
  };
  const take = (files: File[]): void => void importSources(readFileList(files));
  return (
    <>
      <Button
        size={size}
        variant={primary ? 'primary' : 'secondary'}
        icon="file"
        onClick={() => void chooseFiles()}
      >
        Open files
      </Button>
      <Button size={size} icon="folder" onClick={() => folderInput.current?.click()}>
        Open a folder
      </Button>
      <HiddenFileInput ref={fileInput} testId="file-input" multiple onFiles={take} />
      <HiddenFileInput ref={folderInput} testId="folder-input" isFolder onFiles={take} />
    </>
  );
}

/** A field for addresses and pasted text: what the clipboard does, without the clipboard. */
export function AddressForm() {
  const importSources = useApp((state) => state.project.importSources);
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const submit = (): void => {
    const sources = readPastedText(text);
    if (sources.length === 0) {
      setProblem('Expected an address that begins with https:// or JSON text.');
      return;
    }
    setProblem(null);
    setText('');
    void importSources(sources);
  };
  return (
    <form
      className="address-form"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label htmlFor={id}>Or an address, or pasted JSON</label>
      <div className="address-row">
        <input
          id={id}
          type="text"
          className="w-input"
          spellCheck={false}
          autoComplete="off"
          placeholder="https://…/runs.jsonl"
          value={text}
          aria-invalid={problem !== null}
          aria-describedby={problem ? `${id}-problem` : undefined}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" disabled={text.trim() === ''}>
          Import
        </Button>
      </div>
      {problem ? (
        <p id={`${id}-problem`} className="address-problem" role="alert">
          {problem}
        </p>
      ) : null}
    </form>
  );
}
