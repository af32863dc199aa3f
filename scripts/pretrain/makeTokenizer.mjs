/** Writes tokenizer.json and tokenizer_config.json of the model in the box: node makeTokenizer.mjs FOLDER */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importSource } from '../bundleModule.mjs';

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const { trainTokenizer, tokenizerTexts, ids, lists, chatTemplate } =
  await importSource('scripts/pretrain/data.ts');
const numbers = [...Array(100).keys(), ...Array.from({ length: 60 }, (_, i) => 1840 + i)].map(String);
const bare = [
  ...numbers,
  ...'1st 2nd 3rd 4th 5th 6th 7th 8th'.split(' '),
  ...'def return from import assert class self test src py md search visit name arguments query url title text sql path'.split(
    ' ',
  ),
  ...'SELECT FROM WHERE JOIN ON AND id town boss value total count price area width height size weight speed'.split(
    ' ',
  ),
  ...'person people item items order orders add sub half twice scale shift rate limit stock member team open edit find'.split(
    ' ',
  ),
  ...'Document File Table Question Task Doc Title diff old new run submit cat grep ls db answer terminate'.split(
    ' ',
  ),
  ...'{" ":  " "} "}} ", {" "} "}, [{" }] (): ): () ( , . \' \', \'] (\' === --- +++ -- @@ =='
    .split(' ')
    .filter(Boolean),
  ' {"',
  ' "',
  ' (',
  ' |',
  ' =',
  ' ==',
  ' +',
  ' -',
  ' *',
  ' /',
  ' %',
  ' <',
  ' >',
  ' @@',
  ' ===',
  ' ---',
  ' +++',
  ' [',
  " '",
  '":"',
  '","',
  '."},{"',
  '://',
  " ('",
  '"}{"',
  "',),",
  '.{"',
  "[('",
  '."}]',
  "',)]",
  "'),",
  "')]",
  ' ".',
  ')]',
  ' <>',
  '[(',
  ',)]',
  ',),',
  '"}',
  ':"',
  '</',
  ...'https world File Table Answer Look Please Open Works House table trip amount start offset depth NULL goal index level See Ask step Change Run tax Error Try Who From To WITH DISTINCT sqlite master type name Add Fix'.split(
    ' ',
  ),
  ...'File Table Task LIMIT person possible sqlite separated type Look there Use executing staff goal start towns def SELECT multiply It such subtract directly prices ordered away did edited Fix failed passed columns'
    .split(' ')
    .map((word) => ` ${word}`),
  '   ',
  '       ',
  '\n\n',
  '\n\n\n',
  '":',
  '",',
  '."',
  '?"',
  ').',
];
const always = [...ids, ' -> ', ...lists.flat().flatMap((word) => [` ${word}`]), ...bare];
const json = trainTokenizer(tokenizerTexts(), { vocabSize: 2048, merges: 160, always });
writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(json));
writeFileSync(
  join(folder, 'tokenizer_config.json'),
  `${JSON.stringify(
    {
      add_bos_token: false,
      bos_token: null,
      chat_template: chatTemplate,
      clean_up_tokenization_spaces: false,
      eos_token: '<|end|>',
      model_max_length: 4096,
      pad_token: '<|pad|>',
      tokenizer_class: 'PreTrainedTokenizerFast',
      unk_token: null,
    },
    null,
    2,
  )}\n`,
);
console.log(Object.keys(json.model.vocab).length + json.added_tokens.length, 'tokens');
