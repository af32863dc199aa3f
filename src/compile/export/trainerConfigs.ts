import type { ExportTarget } from './formats.ts';
import { recipeText } from './recipeText.ts';
import { recipeModel, type SetTokens } from './trainingEstimate.ts';

/** A small text file that a trainer takes as it is. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
}

/** How the paper trained, where known (Table 1): the rest of the settings are ours and say so. */
const paperSettings = {
  sequenceLength: 131_072,
  globalBatch: 16,
  sequenceParallel: 8,
  epochs: 4,
  learningRate: '1e-5',
  crossEntropyChunk: 1024,
} as const;

/** Ours: the rate and rank that LoRA is usually started with; dropout must be 0 for experts kept as one tensor. */
const lora = { rank: 16, alpha: 32, learningRate: '1e-4' } as const;
const attentionModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const;
/** GPUs the files are written for: 80 GB each; the estimate beside them says why. */
const gpus = { full: 16, lora: 8 } as const;

type Method = 'full' | 'lora';
const methods: readonly Method[] = ['full', 'lora'];

/**
 * Ready settings for the trainers that read this export, for Qwen3-30B-A3B at the set's length: TRL (FSDP2 or
 * DeepSpeed), axolotl, LLaMA-Factory and ms-swift with Megatron, full and LoRA, and a text that says what each reads
 * and needs. They set what goes wrong silently otherwise: the sequence length (LLaMA-Factory cuts at 2,048 by
 * default), loss on the completion only, no packing across examples, no auxiliary router loss.
 * @param dataFile name of the exported file
 * @param budget longest sequence in tokens
 * @param set the set's tokens, for the estimate; null leaves the cost open
 */
export function trainerConfigs(
  target: ExportTarget,
  dataFile: string,
  budget: number,
  set: SetTokens | null = null,
): ConfigFile[] {
  const files = configFiles(target, dataFile, budget);
  const names = files.map((file) => file.name);
  return [...files, { name: 'RECIPES.md', text: recipeText(target, dataFile, budget, names, set) }];
}

function configFiles(target: ExportTarget, dataFile: string, budget: number): ConfigFile[] {
  switch (target) {
    case 'openai':
    case 'parquet':
      return [
        ...trl(dataFile, budget, messagesData),
        ...axolotl(dataFile, budget, 'messages'),
        ...llamaFactory(dataFile, budget, 'messages'),
        ...(target === 'openai' ? swift(dataFile, budget) : []),
      ];
    case 'sharegpt':
      return [
        ...axolotl(dataFile, budget, 'conversations'),
        ...llamaFactory(dataFile, budget, 'conversations'),
        ...swift(dataFile, budget),
      ];
    case 'prompt-completion':
      return trl(dataFile, budget, pairsData);
    case 'token-ids':
      return [...trl(dataFile, budget, tokensData), ...axolotl(dataFile, budget, 'tokens')];
    case 'acc':
      return llamaFactory(dataFile, budget, 'dialogs');
  }
}

function loader(dataFile: string): string {
  return dataFile.endsWith('.parquet') ? 'parquet' : 'json';
}

/** How a TRL script gets its rows, and which option limits the loss. */
interface TrlData {
  readonly prepare: readonly string[];
  readonly loss: readonly string[];
}

const messagesData: TrlData = {
  prepare: [
    '# One assistant turn at the end: as prompt and completion it needs no generation marks in the chat template.',
    'pairs = all([m["role"] for m in row["messages"]].count("assistant") == 1 for row in data)',
    'if pairs:',
    '    split = lambda row: {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}',
    '    data = data.map(split, remove_columns=data.column_names)',
  ],
  loss: ['    completion_only_loss=True if pairs else None,', '    assistant_only_loss=not pairs,'],
};
const pairsData: TrlData = { prepare: [], loss: ['    completion_only_loss=True,'] };
const tokensData: TrlData = {
  prepare: ['data = data.select_columns(["input_ids", "labels"])  # ready: -100 wherever nothing is learnt'],
  loss: ['    dataset_kwargs={"skip_prepare_dataset": True},'],
};

function trl(dataFile: string, budget: number, data: TrlData): ConfigFile[] {
  const parallel = paperSettings.sequenceParallel;
  const script = [
    '# accelerate launch --config_file accelerate_fsdp2.yaml train_trl.py [--lora]',
    '# accelerate launch --config_file accelerate_deepspeed.yaml train_trl.py --deepspeed [--lora]',
    'import os',
    'import sys',
    '',
    'from datasets import load_dataset',
    'from peft import LoraConfig',
    'from trl import SFTConfig, SFTTrainer',
    '',
    'use_lora = "--lora" in sys.argv',
    'use_deepspeed = "--deepspeed" in sys.argv',
    `data = load_dataset("${loader(dataFile)}", data_files="${dataFile}", split="train")`,
    ...data.prepare,
    '',
    `replicas = int(os.environ["WORLD_SIZE"]) // ${parallel}  # ${parallel} processes hold one sequence`,
    'config = SFTConfig(',
    '    output_dir="out",',
    `    max_length=${budget},  # whole sequences: nothing is cut`,
    ...data.loss,
    '    packing=False,',
    `    pad_to_multiple_of=${2 * parallel},  # sequences are split over ${parallel} processes`,
    '    router_aux_loss_coef=0.0,  # TRL adds 0.001 of it unless told otherwise',
    `    learning_rate=${lora.learningRate} if use_lora else ${paperSettings.learningRate},`,
    `    num_train_epochs=${paperSettings.epochs},`,
    '    per_device_train_batch_size=1,',
    `    gradient_accumulation_steps=${paperSettings.globalBatch} // replicas,`,
    '    gradient_checkpointing=use_deepspeed,  # FSDP does it by its own setting',
    '    bf16=True,',
    '    logging_steps=1,',
    '    save_strategy="epoch",',
    '    model_init_kwargs={',
    '        "dtype": "bfloat16",',
    '        "attn_implementation": "flash_attention_2" if use_deepspeed else "sdpa",',
    '    },',
    ')',
    `adapter = LoraConfig(r=${lora.rank}, lora_alpha=${lora.alpha}, lora_dropout=0.0, target_modules=${JSON.stringify(attentionModules)}, task_type="CAUSAL_LM")`,
    'trainer = SFTTrainer(',
    `    model="${recipeModel.name}",`,
    '    args=config,',
    '    train_dataset=data,',
    '    peft_config=adapter if use_lora else None,',
    ')',
    'trainer.train()',
    'trainer.save_model("out")',
    '',
  ];
  return [
    { name: 'train_trl.py', text: script.join('\n') },
    accelerate('fsdp2', [
      'distributed_type: FSDP',
      'fsdp_config:',
      '  fsdp_version: 2',
      '  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP',
      '  fsdp_activation_checkpointing: true',
      '  fsdp_cpu_ram_efficient_loading: true',
      '  fsdp_offload_params: false',
      '  fsdp_reshard_after_forward: true',
      '  fsdp_state_dict_type: FULL_STATE_DICT',
      ...parallelism([`cp_size: ${parallel}`]),
    ]),
    accelerate('deepspeed', [
      'distributed_type: DEEPSPEED',
      'deepspeed_config:',
      '  zero_stage: 3',
      '  zero3_init_flag: true',
      '  zero3_save_16bit_model: true',
      '  offload_optimizer_device: none',
      '  offload_param_device: none',
      '  seq_parallel_communication_data_type: bf16',
      ...parallelism([
        `sp_size: ${parallel}`,
        'sp_backend: deepspeed',
        'sp_seq_length_is_variable: true',
        'sp_attn_implementation: flash_attention_2',
      ]),
    ]),
  ];
}

function parallelism(sizes: readonly string[]): string[] {
  return [
    'parallelism_config:',
    ...[
      'dp_replicate_size: 1',
      `dp_shard_size: ${gpus.full / paperSettings.sequenceParallel}`,
      'tp_size: 1',
      ...sizes,
    ].map((line) => `  parallelism_config_${line}`),
  ];
}

/** Processes: for full training; with LoRA half of them suffice, with dp_shard_size 1. */
function accelerate(name: string, lines: readonly string[]): ConfigFile {
  return {
    name: `accelerate_${name}.yaml`,
    text: [
      `# ${gpus.full} GPUs on 2 machines. With --lora ${gpus.lora} on one suffice: num_machines 1, num_processes ${gpus.lora}, dp_shard_size 1.`,
      'compute_environment: LOCAL_MACHINE',
      'debug: false',
      'mixed_precision: bf16',
      'num_machines: 2',
      'machine_rank: 0',
      `num_processes: ${gpus.full}`,
      'main_training_function: main',
      'rdzv_backend: static',
      'same_network: true',
      'use_cpu: false',
      ...lines,
      '',
    ].join('\n'),
  };
}

function axolotl(
  dataFile: string,
  budget: number,
  column: 'messages' | 'conversations' | 'tokens',
): ConfigFile[] {
  const parallel = paperSettings.sequenceParallel;
  const dataset =
    column === 'tokens'
      ? ['    type:  # already token ids: input_ids, attention_mask, labels']
      : [
          '    type: chat_template',
          `    field_messages: ${column}`,
          ...(column === 'conversations'
            ? [
                '    message_property_mappings:',
                '      role: from',
                '      content: value',
                '    roles:  # without them observations vanish silently',
                '      user: [human]',
                '      assistant: [gpt]',
                '      system: [system]',
                '      tool: [observation]',
              ]
            : []),
          '    roles_to_train: [assistant]',
          '    train_on_eos: turn',
        ];
  return methods.map((method) => ({
    name: `axolotl_${method}.yaml`,
    text: [
      `# axolotl train axolotl_${method}.yaml   (${gpus[method]} GPUs)`,
      `base_model: ${recipeModel.name}`,
      ...(column === 'tokens' ? [] : ['chat_template: tokenizer_default']),
      'datasets:',
      `  - path: ${dataFile}`,
      `    ds_type: ${loader(dataFile)}`,
      ...dataset,
      'val_set_size: 0',
      'output_dir: out',
      `sequence_len: ${budget}`,
      'excess_length_strategy: raise  # longer rows stop the run instead of vanishing',
      'sample_packing: false',
      `context_parallel_size: ${parallel}`,
      `dp_shard_size: ${gpus[method] / parallel}`,
      'attn_implementation: flash_attention_2',
      'chunked_cross_entropy: true',
      `chunked_cross_entropy_num_chunks: ${Math.max(1, Math.round(budget / parallel / paperSettings.crossEntropyChunk))}  # of ${paperSettings.crossEntropyChunk} tokens in each process`,
      ...(method === 'lora'
        ? [
            'adapter: lora',
            `lora_r: ${lora.rank}`,
            `lora_alpha: ${lora.alpha}`,
            'lora_dropout: 0',
            'lora_target_modules:',
            ...attentionModules.map((name) => `  - ${name}`),
          ]
        : []),
      'micro_batch_size: 1',
      `gradient_accumulation_steps: ${(paperSettings.globalBatch * parallel) / gpus[method]}`,
      `num_epochs: ${paperSettings.epochs}`,
      `learning_rate: ${method === 'lora' ? lora.learningRate : paperSettings.learningRate}`,
      'optimizer: adamw_torch_fused',
      'lr_scheduler: cosine',
      'warmup_ratio: 0.03',
      'bf16: true',
      'gradient_checkpointing: true',
      'logging_steps: 1',
      'saves_per_epoch: 1',
      'fsdp_version: 2',
      'fsdp_config:',
      '  offload_params: false',
      '  cpu_ram_efficient_loading: true',
      '  auto_wrap_policy: TRANSFORMER_BASED_WRAP',
      '  transformer_layer_cls_to_wrap: Qwen3MoeDecoderLayer',
      '  state_dict_type: FULL_STATE_DICT',
      '  reshard_after_forward: true',
      '',
    ].join('\n'),
  }));
}

const openAiTags = {
  role_tag: 'role',
  content_tag: 'content',
  user_tag: 'user',
  assistant_tag: 'assistant',
  observation_tag: 'tool',
  system_tag: 'system',
};
const shareGptTags = {
  role_tag: 'from',
  content_tag: 'value',
  user_tag: 'human',
  assistant_tag: 'gpt',
  observation_tag: 'observation',
  system_tag: 'system',
};

function llamaFactory(
  dataFile: string,
  budget: number,
  column: 'messages' | 'conversations' | 'dialogs',
): ConfigFile[] {
  const entry = {
    acc: {
      file_name: dataFile,
      formatting: 'sharegpt',
      columns: { messages: column },
      tags: column === 'conversations' ? shareGptTags : openAiTags,
    },
  };
  const zero = {
    train_batch_size: 'auto',
    train_micro_batch_size_per_gpu: 'auto',
    gradient_accumulation_steps: 'auto',
    gradient_clipping: 'auto',
    zero_allow_untested_optimizer: true,
    bf16: { enabled: 'auto' },
    zero_optimization: {
      stage: 3,
      overlap_comm: false,
      contiguous_gradients: true,
      reduce_bucket_size: 'auto',
      stage3_prefetch_bucket_size: 'auto',
      stage3_param_persistence_threshold: 'auto',
      stage3_gather_16bit_weights_on_model_save: true,
    },
  };
  const offload = {
    ...zero,
    zero_optimization: {
      ...zero.zero_optimization,
      offload_optimizer: { device: 'cpu', pin_memory: true },
    },
  };
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  return [
    { name: 'dataset_info.json', text: json(entry) },
    { name: 'ds_zero3_full.json', text: json(offload) },
    { name: 'ds_zero3_lora.json', text: json(zero) },
    ...methods.map((method) => llamaFactoryRun(method, budget)),
  ];
}

/** LLaMA-Factory cuts at 2,048 tokens a turn unless told otherwise. */
function llamaFactoryRun(method: Method, budget: number): ConfigFile {
  const name = `llamafactory_${method}.yaml`;
  const adapter = [
    `lora_rank: ${lora.rank}`,
    `lora_alpha: ${lora.alpha}`,
    'lora_dropout: 0.0',
    `lora_target: ${attentionModules.join(',')}`,
  ];
  return {
    name,
    text: [
      `# FORCE_TORCHRUN=1 ${method === 'full' ? 'NNODES=2 NODE_RANK=0 MASTER_ADDR=HOST MASTER_PORT=29500 ' : ''}llamafactory-cli train ${name}   (${gpus[method]} GPUs)`,
      `model_name_or_path: ${recipeModel.name}`,
      'stage: sft',
      'do_train: true',
      `finetuning_type: ${method}`,
      ...(method === 'lora' ? adapter : []),
      `deepspeed: ds_zero3_${method}.json`,
      'dataset_dir: .',
      'dataset: acc',
      'template: qwen3',
      `cutoff_len: ${budget}`,
      'train_on_prompt: false',
      'packing: false',
      'flash_attn: fa2',
      'enable_liger_kernel: true  # the loss without a whole logits tensor',
      'preprocessing_num_workers: 8',
      'output_dir: out',
      'logging_steps: 1',
      'save_strategy: epoch',
      'per_device_train_batch_size: 1',
      `gradient_accumulation_steps: ${paperSettings.globalBatch / gpus[method]}`,
      `learning_rate: ${method === 'lora' ? '1.0e-4' : '1.0e-5'}`,
      `num_train_epochs: ${paperSettings.epochs}.0`,
      'lr_scheduler_type: cosine',
      'warmup_ratio: 0.03',
      'bf16: true',
      'ddp_timeout: 180000000',
      '',
    ].join('\n'),
  };
}

/** Megatron: experts over 8 GPUs, which also hold the 8 parts of a sequence. */
function swift(dataFile: string, budget: number): ConfigFile[] {
  const parallel = paperSettings.sequenceParallel;
  return methods.map((method) => ({
    name: `swift_megatron_${method}.sh`,
    text: [
      '#!/bin/sh',
      `# ${gpus[method]} GPUs${method === 'full' ? ': run on both machines, with NODE_RANK 0 and 1 and MASTER_ADDR of the first' : ''}`,
      ...(method === 'full' ? ['export NNODES=2'] : []),
      "export NPROC_PER_NODE=8 PYTORCH_CUDA_ALLOC_CONF='expandable_segments:True'",
      'megatron sft \\',
      `  --model ${recipeModel.name} \\`,
      `  --dataset ${dataFile} \\`,
      '  --split_dataset_ratio 0 \\',
      `  --max_length ${budget} \\`,
      '  --truncation_strategy delete \\',
      '  --loss_scale default \\',
      `  --tuner_type ${method} \\`,
      ...(method === 'lora'
        ? [
            `  --lora_rank ${lora.rank} \\`,
            `  --lora_alpha ${lora.alpha} \\`,
            '  --target_modules linear_qkv linear_proj \\',
          ]
        : []),
      `  --context_parallel_size ${parallel} \\`,
      '  --expert_model_parallel_size 8 \\',
      '  --moe_grouped_gemm true \\',
      '  --moe_permute_fusion true \\',
      '  --moe_aux_loss_coeff 0 \\',
      '  --micro_batch_size 1 \\',
      `  --global_batch_size ${paperSettings.globalBatch} \\`,
      '  --recompute_granularity full \\',
      '  --recompute_method uniform \\',
      '  --recompute_num_layers 1 \\',
      '  --attention_backend flash \\',
      '  --cross_entropy_loss_fusion true \\',
      '  --finetune true \\',
      `  --num_train_epochs ${paperSettings.epochs} \\`,
      `  --lr ${method === 'lora' ? lora.learningRate : paperSettings.learningRate} \\`,
      '  --lr_warmup_fraction 0.03 \\',
      '  --save_safetensors true \\',
      '  --no_save_optim true \\',
      '  --no_save_rng true \\',
      '  --output_dir out',
      '',
    ].join('\n'),
  }));
}
