import type { Ref } from 'react';

/**
 * The input behind a button that opens files or a folder: hidden from sight and from the keyboard, not from tests.
 * @param isFolder chooses a folder instead of files
 */
export function HiddenFileInput({
  ref,
  testId,
  isFolder = false,
  multiple = false,
  accept,
  onFiles,
}: {
  ref: Ref<HTMLInputElement>;
  testId: string;
  isFolder?: boolean;
  multiple?: boolean;
  accept?: string;
  onFiles: (files: File[]) => void;
}) {
  return (
    <input
      ref={ref}
      type="file"
      multiple={multiple}
      {...(accept === undefined ? {} : { accept })}
      className="visually-hidden"
      tabIndex={-1}
      aria-hidden="true"
      data-testid={testId}
      // Not in React's types: chooses a folder instead of a file.
      {...(isFolder ? { webkitdirectory: '' } : {})}
      onChange={({ currentTarget }) => {
        const files = [...(currentTarget.files ?? [])];
        // The same files can then be chosen again.
        currentTarget.value = '';
        onFiles(files);
      }}
    />
  );
}
