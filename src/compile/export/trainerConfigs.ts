import type { ExportTarget } from './formats.ts';

/** A small text file that a trainer takes as it is. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Settings for the trainers that read this export: TRL, axolotl, LLaMA-Factory and ms-swift. They set what goes
 * wrong silently otherwise: the sequence length (LLaMA-Factory cuts at 2,048 by default), loss on the completion
 * only, and no packing across examples.
 * @param dataFile name of the exported file
 * @param budget longest sequence in tokens
 */
export function trainerConfigs(target: ExportTarget, dataFile: string, budget: number): ConfigFile[] {
  switch (target) {
    case 'openai':
      return [
        trlMessages(dataFile, budget),
        axolotl(dataFile, budget, 'messages'),
        ...llamaFactory(dataFile, budget, 'openai'),
        swift(dataFile, budget),
      ];
    case 'sharegpt':
      return [
        axolotl(dataFile, budget, 'conversations'),
        ...llamaFactory(dataFile, budget, 'sharegpt'),
        swift(dataFile, budget),
      ];
    case 'prompt-completion':
      return [trlPairs(dataFile, budget)];
    case 'token-ids':
      return [trlTokens(dataFile, budget), axolotlTokens(dataFile, budget)];
    case 'parquet':
      return [
        trlMessages(dataFile, budget),
        axolotl(dataFile, budget, 'messages'),
        ...llamaFactory(dataFile, budget, 'openai'),
      ];
    case 'acc':
      return llamaFactoryAcc(dataFile, budget);
  }
}

function loader(dataFile: string): string {
  return dataFile.endsWith('.parquet') ? 'parquet' : 'json';
}

function trlMessages(dataFile: string, budget: number): ConfigFile {
  return trl(
    dataFile,
    budget,
    'assistant_only_loss=True,  # loss on assistant turns; the template needs generation marks',
  );
}

function trlPairs(dataFile: string, budget: number): ConfigFile {
  return trl(dataFile, budget, 'completion_only_loss=True,');
}

function trlTokens(dataFile: string, budget: number): ConfigFile {
  return trl(
    dataFile,
    budget,
    'dataset_kwargs={"skip_prepare_dataset": True},  # input_ids and labels are ready',
  );
}

function trl(dataFile: string, budget: number, loss: string): ConfigFile {
  return {
    name: 'train_trl.py',
    text: [
      'from datasets import load_dataset',
      'from trl import SFTConfig, SFTTrainer',
      '',
      `data = load_dataset("${loader(dataFile)}", data_files="${dataFile}", split="train")`,
      'config = SFTConfig(',
      '    output_dir="out",',
      `    max_length=${budget},  # whole sequences: nothing is cut`,
      `    ${loss}`,
      '    packing=False,',
      '    learning_rate=1e-5,',
      '    num_train_epochs=4,',
      '    per_device_train_batch_size=1,',
      '    gradient_accumulation_steps=16,',
      '    gradient_checkpointing=True,',
      '    bf16=True,',
      ')',
      'SFTTrainer(model="Qwen/Qwen3-30B-A3B-Thinking-2507", args=config, train_dataset=data).train()',
      '',
    ].join('\n'),
  };
}

function axolotl(dataFile: string, budget: number, field: 'messages' | 'conversations'): ConfigFile {
  const mapping =
    field === 'conversations'
      ? ['    message_property_mappings:', '      role: from', '      content: value']
      : [];
  return {
    name: 'axolotl.yaml',
    text: [
      'datasets:',
      `  - path: ${dataFile}`,
      `    ds_type: ${loader(dataFile)}`,
      '    type: chat_template',
      `    field_messages: ${field}`,
      ...mapping,
      '    roles_to_train: [assistant]',
      '    train_on_eos: turn',
      `sequence_len: ${budget}`,
      'excess_length_strategy: raise',
      'sample_packing: false',
      'gradient_checkpointing: true',
      'micro_batch_size: 1',
      'gradient_accumulation_steps: 16',
      'num_epochs: 4',
      'learning_rate: 1e-5',
      '',
    ].join('\n'),
  };
}

function axolotlTokens(dataFile: string, budget: number): ConfigFile {
  return {
    name: 'axolotl.yaml',
    text: [
      'datasets:',
      `  - path: ${dataFile}`,
      '    ds_type: json',
      '    type:  # pre-tokenized: input_ids, labels',
      `sequence_len: ${budget}`,
      'sample_packing: false',
      '',
    ].join('\n'),
  };
}

function llamaFactory(dataFile: string, budget: number, style: 'openai' | 'sharegpt'): ConfigFile[] {
  const tags =
    style === 'openai'
      ? {
          role_tag: 'role',
          content_tag: 'content',
          user_tag: 'user',
          assistant_tag: 'assistant',
          observation_tag: 'tool',
          system_tag: 'system',
        }
      : {
          role_tag: 'from',
          content_tag: 'value',
          user_tag: 'human',
          assistant_tag: 'gpt',
          observation_tag: 'observation',
          system_tag: 'system',
        };
  const entry = {
    acc: {
      file_name: dataFile,
      formatting: 'sharegpt',
      columns: { messages: style === 'openai' ? 'messages' : 'conversations' },
      tags,
    },
  };
  return [
    { name: 'dataset_info.json', text: `${JSON.stringify(entry, null, 2)}\n` },
    llamaFactoryRun(budget),
  ];
}

function llamaFactoryAcc(dataFile: string, budget: number): ConfigFile[] {
  const entry = {
    acc: {
      file_name: dataFile,
      formatting: 'sharegpt',
      columns: { messages: 'dialogs' },
      tags: { role_tag: 'role', content_tag: 'content', user_tag: 'user', assistant_tag: 'assistant' },
    },
  };
  return [
    { name: 'dataset_info.json', text: `${JSON.stringify(entry, null, 2)}\n` },
    llamaFactoryRun(budget),
  ];
}

/** LLaMA-Factory cuts at 2,048 tokens a turn unless told otherwise. */
function llamaFactoryRun(budget: number): ConfigFile {
  return {
    name: 'llamafactory.yaml',
    text: [
      'stage: sft',
      'model_name_or_path: Qwen/Qwen3-30B-A3B-Thinking-2507',
      'dataset_dir: .',
      'dataset: acc',
      'template: qwen3',
      `cutoff_len: ${budget}`,
      'packing: false',
      'gradient_accumulation_steps: 16',
      'per_device_train_batch_size: 1',
      'learning_rate: 1.0e-5',
      'num_train_epochs: 4',
      'output_dir: out',
      '',
    ].join('\n'),
  };
}

function swift(dataFile: string, budget: number): ConfigFile {
  return {
    name: 'train_swift.sh',
    text: [
      'swift sft \\',
      '  --model Qwen/Qwen3-30B-A3B-Thinking-2507 \\',
      `  --dataset ${dataFile} \\`,
      `  --max_length ${budget} \\`,
      '  --truncation_strategy raise \\',
      '  --loss_scale default \\',
      '  --packing false \\',
      '  --learning_rate 1e-5 \\',
      '  --num_train_epochs 4 \\',
      '  --gradient_accumulation_steps 16',
      '',
    ].join('\n'),
  };
}
