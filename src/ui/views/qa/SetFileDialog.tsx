import { useEffect, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { Skeleton } from '../../widgets/States.tsx';

/** The texts that are kept beside the examples of a set. */
export type SetFile = 'recipe' | 'card';

const texts: Readonly<Record<SetFile, { title: string; description: string; loading: string }>> = {
  recipe: {
    title: 'Recipe',
    description:
      'Inputs by hash, options and seed. With the same files it gives the same bytes, here and on the command line.',
    loading: 'Loading the recipe',
  },
  card: {
    title: 'Dataset card',
    description:
      'README.md for whoever gets the data: contents, lengths, what was left out and why, sources with their licences, what the scan found. Excluding examples afterwards does not change it.',
    loading: 'Loading the dataset card',
  },
};

/** Shows `recipe.json` or the dataset card of a set as the text it is: names in it come from the reader's files. */
export function SetFileDialog({
  setId,
  file,
  onClose,
}: {
  setId: string;
  file: SetFile;
  onClose: () => void;
}) {
  const read = useApp((state) => (file === 'recipe' ? state.ui.readRecipe : state.ui.readCard));
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    let wanted = true;
    void read(setId).then((answer) => {
      if (!wanted) return;
      if (answer === null) onClose();
      else setText(answer);
    });
    return () => {
      wanted = false;
    };
  }, [setId, read, onClose]);
  const { title, description, loading } = texts[file];
  return (
    <Dialog
      open
      onClose={onClose}
      size="lg"
      title={title}
      description={description}
      footer={
        <Button
          icon="copy"
          disabled={text === null}
          onClick={() => void navigator.clipboard.writeText(text ?? '')}
        >
          Copy
        </Button>
      }
    >
      {text === null ? (
        <Skeleton lines={6} label={loading} />
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard
        <pre className="qa-snippet" tabIndex={0} role="region" aria-label={title}>
          {text}
        </pre>
      )}
    </Dialog>
  );
}
