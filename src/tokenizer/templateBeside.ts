import { isObject } from '../core/json.ts';

/** Files beside a tokenizer that its chat template may stand in; the first of them that is there counts. */
export const templateFiles = ['chat_template.jinja', 'tokenizer_config.json'] as const;

/**
 * The text of the chat template that came with a tokenizer; null where it came with none.
 * @param read the text of a file that lies beside the tokenizer; null where there is none of that name
 */
export async function templateBeside(
  read: (name: (typeof templateFiles)[number]) => Promise<string | null>,
): Promise<string | null> {
  const [jinja, config] = templateFiles;
  return (await read(jinja)) ?? templateOfConfig((await read(config)) ?? '');
}

/** The template in a tokenizer_config.json. */
export function templateOfConfig(json: string): string | null {
  try {
    const value: unknown = JSON.parse(json);
    const template = isObject(value) ? value['chat_template'] : null;
    return typeof template === 'string' ? template : null;
  } catch {
    return null;
  }
}
