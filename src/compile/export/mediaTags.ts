/** Tags that multi-modal trainers replace by media, with any closing form. */
const tags = /<(\/?)(image|video|audio)>/g;

/**
 * Breaks media tags by a zero-width joiner after the bracket, so that trainers take them as text. The characters
 * shown stay the same; offsets of an export do not refer to the original any more.
 */
export function escapeMediaTags(text: string): string {
  return text.replace(tags, (_, slash: string, name: string) => `<\u200d${slash}${name}>`);
}
