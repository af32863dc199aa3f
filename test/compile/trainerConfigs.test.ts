import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportTargets, type ExportTarget } from '../../src/compile/export/formats.ts';
import { trainerConfigs } from '../../src/compile/export/trainerConfigs.ts';
import {
  activationBytes,
  attentionAdapterParameters,
  trainingOperations,
} from '../../src/compile/export/trainingEstimate.ts';

/**
 * The settings that the files use, each found in the trainer's own definitions at the version named. A trainer that
 * is told an unknown one stops (LLaMA-Factory, ms-swift, TRL) or ignores it (axolotl).
 */
const known = {
  // axolotl 067b021, src/axolotl/utils/schemas/{config,model,training,peft,datasets,fsdp}.py
  axolotl:
    'base_model chat_template datasets path ds_type type field_messages message_property_mappings role content roles user assistant system tool roles_to_train train_on_eos val_set_size output_dir sequence_len excess_length_strategy sample_packing context_parallel_size dp_shard_size attn_implementation chunked_cross_entropy chunked_cross_entropy_num_chunks adapter lora_r lora_alpha lora_dropout lora_target_modules micro_batch_size gradient_accumulation_steps num_epochs learning_rate optimizer lr_scheduler warmup_ratio bf16 gradient_checkpointing logging_steps saves_per_epoch fsdp_version fsdp_config offload_params cpu_ram_efficient_loading auto_wrap_policy transformer_layer_cls_to_wrap state_dict_type reshard_after_forward',
  // LLaMA-Factory ff6d4d1, src/llamafactory/hparams/{data,model,finetuning,training}_args.py, and what the last of
  // them inherits from transformers' TrainingArguments (as its own examples use it)
  llamafactory:
    'model_name_or_path stage do_train finetuning_type lora_rank lora_alpha lora_dropout lora_target deepspeed dataset_dir dataset template cutoff_len train_on_prompt packing flash_attn enable_liger_kernel preprocessing_num_workers output_dir logging_steps save_strategy per_device_train_batch_size gradient_accumulation_steps learning_rate num_train_epochs lr_scheduler_type warmup_ratio bf16 ddp_timeout',
  // LLaMA-Factory ff6d4d1, src/llamafactory/data/parser.py
  datasetInfo:
    'file_name formatting columns messages tags role_tag content_tag user_tag assistant_tag observation_tag system_tag',
  // ms-swift 3602360 (4.6.0.dev0), swift/megatron/arguments/*.py and swift/arguments/base_args/*.py
  swift:
    'model dataset split_dataset_ratio max_length truncation_strategy loss_scale tuner_type lora_rank lora_alpha target_modules context_parallel_size expert_model_parallel_size moe_grouped_gemm moe_permute_fusion moe_aux_loss_coeff micro_batch_size global_batch_size recompute_granularity recompute_method recompute_num_layers attention_backend cross_entropy_loss_fusion finetune num_train_epochs lr lr_warmup_fraction save_safetensors no_save_optim no_save_rng output_dir',
  // TRL f2cd577 (1.10.0.dev0), trl/trainer/sft_config.py, which inherits transformers' TrainingArguments
  trl: 'output_dir max_length completion_only_loss assistant_only_loss dataset_kwargs packing pad_to_multiple_of router_aux_loss_coef learning_rate num_train_epochs per_device_train_batch_size gradient_accumulation_steps gradient_checkpointing bf16 logging_steps save_strategy model_init_kwargs',
  // The same, examples/accelerate_configs/{fsdp2,context_parallel_2gpu,deepspeed_zero3,alst_ulysses_4gpu}.yaml
  accelerate:
    'compute_environment debug mixed_precision num_machines machine_rank num_processes main_training_function rdzv_backend same_network use_cpu distributed_type fsdp_config fsdp_version fsdp_auto_wrap_policy fsdp_activation_checkpointing fsdp_cpu_ram_efficient_loading fsdp_offload_params fsdp_reshard_after_forward fsdp_state_dict_type deepspeed_config zero_stage zero3_init_flag zero3_save_16bit_model offload_optimizer_device offload_param_device seq_parallel_communication_data_type parallelism_config parallelism_config_dp_replicate_size parallelism_config_dp_shard_size parallelism_config_tp_size parallelism_config_cp_size parallelism_config_sp_size parallelism_config_sp_backend parallelism_config_sp_seq_length_is_variable parallelism_config_sp_attn_implementation',
};
const names = (list: string): Set<string> => new Set(list.split(' '));

const filesOf = (target: ExportTarget): Map<string, string> =>
  new Map(trainerConfigs(target, 'data.jsonl', 131_072).map(({ name, text }) => [name, text]));

/** Keys of the YAML that we write: one `key:` a line, at any depth. */
function yamlKeys(text: string): string[] {
  return [...text.matchAll(/^ *(?:- )?([a-z_0-9]+):/gm)].map((match) => match[1]!);
}

function jsonKeys(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...jsonKeys(inner)]);
}

describe('ready settings for trainers', () => {
  it.each(exportTargets)('of %s use only what the trainers define', (target) => {
    const files = filesOf(target);
    for (const [name, text] of files) {
      const uses = (keys: readonly string[], list: string): void => {
        expect(keys.length, name).toBeGreaterThan(5);
        expect(
          keys.filter((key) => !names(list).has(key)),
          name,
        ).toEqual([]);
      };
      if (name.startsWith('axolotl')) uses(yamlKeys(text), known.axolotl);
      else if (name.startsWith('llamafactory')) uses(yamlKeys(text), known.llamafactory);
      else if (name.startsWith('accelerate')) uses(yamlKeys(text), known.accelerate);
      else if (name.startsWith('swift'))
        uses(
          [...text.matchAll(/--([a-z_]+)/g)].map((match) => match[1]!),
          known.swift,
        );
      else if (name === 'dataset_info.json') {
        const { acc } = JSON.parse(text) as { acc: unknown };
        uses(jsonKeys(acc), known.datasetInfo);
      } else if (name === 'train_trl.py') {
        const config = /SFTConfig\(\n([\s\S]*?)\n\)/.exec(text)?.[1] ?? '';
        uses(
          [...config.matchAll(/^ {4}([a-z_0-9]+)=/gm)].map((match) => match[1]!),
          known.trl,
        );
      }
    }
  });

  it('stay within the rules that the trainers check', () => {
    const files = filesOf('openai');
    const number = (name: string, key: string): number =>
      Number(new RegExp(`${key}[: ]+([0-9.e-]+)`).exec(files.get(name) ?? '')?.[1]);
    for (const [method, gpus] of [
      ['full', 16],
      ['lora', 8],
    ] as const) {
      // axolotl: context_parallel_size divides the GPUs, and dp_shard_size × context_parallel_size is all of them.
      const axolotl = `axolotl_${method}.yaml`;
      const parallel = number(axolotl, 'context_parallel_size');
      expect(number(axolotl, 'dp_shard_size') * parallel).toBe(gpus);
      const replicas = gpus / parallel;
      expect(number(axolotl, 'gradient_accumulation_steps') * replicas).toBe(16);
      expect(131_072 / parallel / number(axolotl, 'chunked_cross_entropy_num_chunks')).toBe(1024);
      // Flash attention is what context_parallel_size > 1 asks for.
      expect(files.get(axolotl)).toContain('attn_implementation: flash_attention_2');
      // LLaMA-Factory: one sequence a GPU.
      expect(number(`llamafactory_${method}.yaml`, 'gradient_accumulation_steps') * gpus).toBe(16);
      // ms-swift: the global batch is divisible by micro batch × data-parallel size.
      const swift = `swift_megatron_${method}.sh`;
      expect(number(swift, 'global_batch_size') % (gpus / number(swift, 'context_parallel_size'))).toBe(0);
      expect(gpus % number(swift, 'expert_model_parallel_size')).toBe(0);
      // … and only these ways of treating long rows exist.
      expect(files.get(swift)).toMatch(/--truncation_strategy (?:delete|left|right)/);
    }
    // accelerate: replicas × shards × sequence parts are all processes.
    for (const [name, key] of [
      ['accelerate_fsdp2.yaml', 'cp_size'],
      ['accelerate_deepspeed.yaml', 'sp_size'],
    ] as const)
      expect(number(name, 'dp_shard_size') * number(name, key)).toBe(number(name, 'num_processes'));
    // TRL: ring attention needs lengths divisible by twice its parts, Ulysses by its parts.
    expect(files.get('train_trl.py')).toContain('pad_to_multiple_of=16');
  });

  it('tell axolotl every ShareGPT role, since it drops turns of roles that it does not know', () => {
    const text = filesOf('sharegpt').get('axolotl_full.yaml') ?? '';
    const roles = /roles:.*\n((?: {6}.*\n)+) {4}roles_to_train/.exec(text)?.[1] ?? '';
    expect(roles.split('\n').map((line) => line.trim())).toEqual([
      'user: [human]',
      'assistant: [gpt]',
      'system: [system]',
      'tool: [observation]',
      '',
    ]);
    expect(filesOf('openai').get('axolotl_full.yaml')).not.toContain('roles: ');
  });

  it('are files that their readers can parse', ({ skip }) => {
    const python = '/usr/bin/python3';
    if (!existsSync(python)) skip('no /usr/bin/python3');
    const folder = mkdtempSync(join(tmpdir(), 'acc-recipes-'));
    try {
      const check = (name: string, code: string): void => {
        const result = spawnSync(python, ['-c', code, join(folder, name)], { encoding: 'utf8' });
        expect(result.stderr, name).toBe('');
      };
      const hasYaml = spawnSync(python, ['-c', 'import yaml']).status === 0;
      for (const target of exportTargets) {
        for (const [name, text] of filesOf(target)) {
          writeFileSync(join(folder, name), text);
          if (name.endsWith('.py')) check(name, 'import ast, sys; ast.parse(open(sys.argv[1]).read())');
          if (name.endsWith('.yaml') && hasYaml)
            check(name, 'import yaml, sys; assert len(yaml.safe_load(open(sys.argv[1]))) > 5');
          if (name.endsWith('.sh')) {
            expect(spawnSync('sh', ['-n', join(folder, name)], { encoding: 'utf8' }).stderr).toBe('');
          }
          if (name.endsWith('.json')) JSON.parse(text);
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('say what is read, and estimate memory and cost as the reference table does', () => {
    const { checkpoints, layer } = activationBytes(131_072);
    expect(checkpoints / 1e9).toBeCloseTo(25.8, 1);
    expect(layer / 1e9).toBeCloseTo(13.7, 1);
    expect(attentionAdapterParameters(16) / 1e6).toBeCloseTo(13.4, 1);
    // A LoRA step of one sequence of 128 k tokens: about 32.5 P operations.
    const one = { examples: 1, tokens: 131_072, squares: 131_072 ** 2 };
    const { linear, attention } = trainingOperations(one, false);
    expect((linear + attention) / 1e15).toBeGreaterThan(32);
    expect((linear + attention) / 1e15).toBeLessThan(34);
    for (const target of exportTargets) {
      const files = trainerConfigs(target, 'data.jsonl', 131_072, one);
      const text = files.find(({ name }) => name === 'RECIPES.md')?.text ?? '';
      expect(text).toContain('What is read');
      expect(text).toMatch(/\| full, 16 GPUs, sequence over 8 .*\| 30\.5 \| 4\.9 \| 2\.5 \| 38\.0 \|/);
      expect(text).toContain('GPU-hours');
      expect(text).not.toContain('undefined');
      expect(text).not.toContain('NaN');
    }
  });
});
