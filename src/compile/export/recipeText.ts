import type { ExportTarget } from './formats.ts';
import {
  activationBytes,
  attentionAdapterParameters,
  recipeModel,
  trainingOperations,
  type SetTokens,
} from './trainingEstimate.ts';

/** What a trainer reads of the export, and what it learns from. */
const reading: readonly { readonly file: string; readonly trainer: string; readonly reads: ReadingOf }[] = [
  {
    file: 'train_trl.py',
    trainer: 'TRL',
    reads: {
      messages:
        'column `messages` (roles system, user, assistant, tool). Rows with one assistant turn are split into prompt and completion, loss on the completion; otherwise loss on assistant turns, for which TRL needs a chat template it knows or one with generation marks. `weight` is not read.',
      pairs: 'columns `prompt` and `completion`; loss on the completion.',
      tokens: 'columns `input_ids` and `labels`, as they are; -100 is no target.',
    },
  },
  {
    file: 'axolotl_full.yaml',
    trainer: 'axolotl',
    reads: {
      messages:
        'column `messages`; loss on assistant turns and their end-of-turn token. `weight` is not read.',
      conversations:
        'column `conversations` (`from`, `value`); loss on `gpt` turns and their end-of-turn token.',
      tokens: 'columns `input_ids`, `attention_mask` and `labels`, as they are.',
    },
  },
  {
    file: 'llamafactory_full.yaml',
    trainer: 'LLaMA-Factory',
    reads: {
      messages: 'column `messages` by dataset_info.json; loss on assistant turns, tool results are context.',
      conversations: 'column `conversations` by dataset_info.json; loss on `gpt` turns.',
      dialogs: 'column `dialogs` by dataset_info.json; loss on the assistant turn.',
    },
  },
  {
    file: 'swift_megatron_full.sh',
    trainer: 'ms-swift',
    reads: {
      messages: 'column `messages`, recognised by itself; loss on assistant turns (loss_scale default).',
      conversations:
        'column `conversations`, recognised by itself; loss on `gpt` turns (loss_scale default).',
    },
  },
];

type Columns = 'messages' | 'conversations' | 'dialogs' | 'pairs' | 'tokens';
type ReadingOf = Partial<Record<Columns, string>>;

const columnsOf: Record<ExportTarget, Columns> = {
  openai: 'messages',
  parquet: 'messages',
  sharegpt: 'conversations',
  acc: 'dialogs',
  'prompt-completion': 'pairs',
  'token-ids': 'tokens',
};

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);

/** The text beside the settings: what each file is for, what is read, memory and cost with their arithmetic. */
export function recipeText(
  target: ExportTarget,
  dataFile: string,
  budget: number,
  files: readonly string[],
  set: SetTokens | null,
): string {
  const columns = columnsOf[target];
  const rows = reading.filter(({ file }) => files.includes(file));
  return [
    `# Training ${recipeModel.name} on ${dataFile}`,
    '',
    'From the paper (Table 1): base Qwen3-30B-A3B-Thinking, sequences of 131,072 tokens, global batch 16, sequences split over 8 GPUs, 4 epochs, learning rate 1e-5, cross-entropy in chunks of 1,024. Not known from it: warm-up, schedule, weight decay, optimizer; what stands in the files there is ours, and so is everything about LoRA (rank 16 on q, k, v and o, rate 1e-4). Experts can be added to the LoRA targets; the router stays as it is and no auxiliary loss is added. The paper kept experts unsplit; Megatron here splits them over 8 GPUs, because whole they do not fit beside their gradients.',
    '',
    '## What is read',
    '',
    ...rows.map(({ trainer, reads }) => `- ${trainer}: ${reads[columns] ?? ''}`),
    '',
    `All are told the length ${budget}: none may cut an example. Set it lower and examples are lost (axolotl stops, ms-swift leaves them out, TRL and LLaMA-Factory cut the end with the answer).`,
    '',
    '## Memory (arithmetic, not measured)',
    '',
    ...memoryLines(budget),
    '',
    '## Cost (arithmetic, not measured)',
    '',
    ...costLines(set),
    '',
  ].join('\n');
}

function memoryLines(budget: number): string[] {
  const { parameters, layers } = recipeModel;
  const { checkpoints, layer } = activationBytes(budget);
  const gathered = (2 * 2 * parameters) / layers;
  const adapter = attentionAdapterParameters(16);
  const row = (label: string, state: number, split: number, note: string): string => {
    const activations = (checkpoints + layer) / split;
    return `| ${label} | ${gigabytes(state)} | ${gigabytes(activations)} | ${gigabytes(gathered)} | ${gigabytes(state + activations + gathered)} | ${note} |`;
  };
  const full = 16 * parameters;
  const frozen = 2 * parameters + 16 * adapter;
  return [
    `Weights and gradients in bf16 (2 + 2 bytes a parameter), optimizer with its own weights in f32 (4 + 4 + 4): ${gigabytes(full)} GB for full training; LoRA keeps ${gigabytes(2 * parameters)} GB of frozen weights and 16 bytes for each of ${(adapter / 1e6).toFixed(1)} M adapter numbers. Activations at ${budget} tokens: inputs of ${layers} layers ${gigabytes(checkpoints)} GB, one layer computed again ${gigabytes(layer)} GB. Two layers gathered at a time: ${gigabytes(gathered)} GB. The loss is computed in chunks and left out. Add some 5 GB for the runtime.`,
    '',
    '| run | state, GB a GPU | activations, GB a GPU | gathered | sum | |',
    '| --- | ---: | ---: | ---: | ---: | --- |',
    row('full, 16 GPUs, sequence over 8 (TRL, axolotl)', full / 16, 8, 'state over all 16'),
    row('LoRA, 8 GPUs, sequence over 8 (TRL, axolotl)', frozen / 8, 8, ''),
    row(
      'full, 16 GPUs, whole sequence on each (LLaMA-Factory)',
      (4 * parameters) / 16,
      1,
      `optimizer in main memory, ${gigabytes(12 * parameters)} GB over the machines`,
    ),
    row('LoRA, 8 GPUs, whole sequence on each (LLaMA-Factory)', frozen / 8, 1, ''),
    megatronRow('full, 16 GPUs, experts over 8 (ms-swift)', 16, true, budget),
    megatronRow('LoRA, 8 GPUs, experts over 8 (ms-swift)', 8, false, budget),
  ];
}

/** Megatron keeps weights (2 bytes) and gradients (4) where they are used; only the optimizer (12) is shared out. */
function megatronRow(label: string, gpus: number, isFull: boolean, budget: number): string {
  const experts = recipeModel.expertParameters / 8;
  const others = recipeModel.parameters - recipeModel.expertParameters;
  const { checkpoints, layer } = activationBytes(budget);
  const held = (isFull ? 6 : 2) * (experts + others);
  const optimizer = isFull ? (12 * experts) / (gpus / 8) + (12 * others) / gpus : 0;
  const activations = (checkpoints + layer) / 8;
  const state = held + optimizer;
  return `| ${label} | ${gigabytes(state)} | ${gigabytes(activations)} | 0.0 | ${gigabytes(state + activations)} | nothing is gathered |`;
}

function costLines(set: SetTokens | null): string[] {
  const rule =
    'Linear layers: 3.35 G active parameters × 8 operations a token in full training (2 forward, 2 again, 4 backward), × 6 with LoRA. Attention: 2 T² × 32 heads × 128 × 48 layers forward for a sequence of T tokens, × 4.5 with the backward pass. GPU-hours at 400 TFLOP/s a GPU (40 % of the 989 that an H100 is rated at in bf16; put in what yours reaches).';
  if (!set || set.examples === 0) return [rule];
  const epochs = 4;
  const hours = (operations: number): string => (operations / 4e14 / 3600).toFixed(operations > 1e19 ? 0 : 2);
  const line = (label: string, isFull: boolean): string => {
    const { linear, attention } = trainingOperations(set, isFull);
    const all = epochs * (linear + attention);
    return `- ${label}: ${(epochs * linear).toExponential(2)} + ${(epochs * attention).toExponential(2)} operations = ${hours(all)} GPU-hours, times the price of one.`;
  };
  return [
    `${set.examples} examples, ${set.tokens} tokens, mean ${(set.tokens / set.examples).toFixed(0)}; ${epochs} epochs = ${Math.ceil((set.examples * epochs) / 16)} steps of 16.`,
    '',
    line('full', true),
    line('LoRA', false),
    '',
    rule,
  ];
}
