import { useEffect, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { Skeleton } from '../../widgets/States.tsx';

/** `recipe.json` of a set: all that is needed to make the same bytes again. */
export function RecipeDialog({ setId, onClose }: { setId: string; onClose: () => void }) {
  const readRecipe = useApp((state) => state.ui.readRecipe);
  const [recipe, setRecipe] = useState<string | null>(null);
  useEffect(() => {
    let wanted = true;
    void readRecipe(setId).then((text) => {
      if (!wanted) return;
      if (text === null) onClose();
      else setRecipe(text);
    });
    return () => {
      wanted = false;
    };
  }, [setId, readRecipe, onClose]);
  return (
    <Dialog
      open
      onClose={onClose}
      size="lg"
      title="Recipe"
      description="Inputs by hash, options and seed. With the same files it gives the same bytes, here and on the command line."
      footer={
        <Button
          icon="copy"
          disabled={recipe === null}
          onClick={() => void navigator.clipboard.writeText(recipe ?? '')}
        >
          Copy
        </Button>
      }
    >
      {recipe === null ? (
        <Skeleton lines={6} label="Loading the recipe" />
      ) : (
        <pre className="qa-snippet">{recipe}</pre>
      )}
    </Dialog>
  );
}
