import { useRef } from 'react';
import { useApp } from '../../../state/useApp.ts';
import type { AdapterSource } from '../../../workers/engineApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { HiddenFileInput } from '../../widgets/HiddenFileInput.tsx';
import { modelOfInput, pickModelFolder } from './openFolder.ts';

/** Lets the reader choose a folder, by the system's picker where the browser has one, else by a file input. */
export function FolderButton({
  label,
  primary = false,
  testId,
  open,
}: {
  label: string;
  primary?: boolean;
  testId: string;
  open: (source: AdapterSource) => Promise<unknown>;
}) {
  const isBusy = useApp((state) => state.model.work !== null);
  const input = useRef<HTMLInputElement>(null);
  const choose = async (): Promise<void> => {
    const picked = await pickModelFolder();
    if (picked === null) input.current?.click();
    else if (picked !== 'closed') await open(picked);
  };
  return (
    <>
      <Button
        variant={primary ? 'primary' : 'secondary'}
        icon="folder"
        disabled={isBusy}
        onClick={() => void choose()}
      >
        {label}
      </Button>
      <HiddenFileInput
        ref={input}
        testId={testId}
        isFolder
        onFiles={(files) => {
          if (files.length > 0) void open(modelOfInput(files));
        }}
      />
    </>
  );
}
