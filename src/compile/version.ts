/**
 * Version of the compiler's output: raised whenever the same inputs and options would give other bytes.
 * Written to `recipe.json`.
 */
export const compilerVersion = 1;
