import { assert } from '../core/assert.ts';
import type { EngineDevice } from '../gpu/device.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { Trainer } from '../train/trainer.ts';
import type { TrainerOptions, TrainerState, TrainingRow } from '../train/types.ts';
import { jaxModel, turned, type Adapt, type Tensor } from './jaxModel.ts';

/** An engine with a model in training: one AdamW step a call, whose loss (before the update) comes back. */
export interface TrainingContestant {
  readonly name: string;
  step(): Promise<number>;
  release(): void;
}

/** What all train: the same weights, adapters, tokens and hyperparameters. */
export interface TrainingProblem {
  readonly checkpoint: Checkpoint;
  readonly options: TrainerOptions;
  readonly row: TrainingRow;
  readonly learningRate: number;
}

/** Our trainer, and the adapters that it starts from. */
export async function ourTraining(
  engine: EngineDevice,
  { checkpoint, options, row, learningRate }: TrainingProblem,
  name: string,
): Promise<{ contestant: TrainingContestant; start: TrainerState }> {
  const trainer = await Trainer.create(engine, checkpoint, options);
  const start = await trainer.state();
  return {
    start,
    contestant: {
      name,
      step: async () => (await trainer.step([[row]], learningRate)).loss,
      release: () => {
        trainer.destroy();
      },
    },
  };
}

/** The dense model with low-rank pairs on q and v in jax-js operations, differentiated and compiled by it. */
export async function jaxTraining(
  { checkpoint, options, row, learningRate }: TrainingProblem,
  start: TrainerState,
): Promise<TrainingContestant> {
  const { config } = checkpoint;
  const count = row.ids.length;
  const model = await jaxModel(checkpoint, count);
  const { jax, tensor } = model;
  const np = jax.numpy;
  const input = model.embed(row.ids);
  const hot = new Float32Array(count * config.vocabSize);
  let supervised = 0;
  row.labels.forEach((label, t) => {
    if (label < 0) return;
    hot[t * config.vocabSize + label] = 1;
    supervised++;
  });
  const labels = tensor(hot, [count, config.vocabSize]);

  const { alpha, rank } = options.lora;
  /** Trained tensors in order: per layer A and B of q, A and B of v, each as it multiplies from the right. */
  const loss = (...trained: Tensor[]): Tensor => {
    const adapt: Adapt = (y, from, layer, projection) => {
      const index = layer * 4 + (projection === 'q_proj' ? 0 : 2);
      return y.add(
        np.matmul(np.matmul(from, trained[index]!.ref), trained[index + 1]!.ref).mul(alpha / rank),
      );
    };
    const logits = model.logits(model.hidden(input.ref, adapt));
    trained.forEach((one) => {
      one.dispose();
    });
    return np.sum(jax.nn.logSoftmax(logits, -1).mul(labels.ref)).mul(-1 / supervised);
  };
  const trained: Tensor[] = [];
  for (let layer = 0; layer < config.layers.length; layer++) {
    for (const name of ['q_proj', 'v_proj']) {
      const pair = start.tensors.get(`model.layers.${layer}.self_attn.${name}`);
      assert(pair !== undefined, `adapter of ${name}`);
      const { loraA, loraB, outFeatures } = pair;
      const inner = loraA.length / rank;
      trained.push(
        tensor(turned(loraA, rank, inner), [inner, rank]),
        tensor(turned(loraB, outFeatures, rank), [rank, outFeatures]),
      );
    }
  }
  const indices = trained.map((_, index) => index);
  const gradients = jax.jit(jax.valueAndGrad(loss, { argnums: indices }));
  const { beta1, beta2, epsilon } = options;
  /** The update of one tensor, decay and clipping off: [θ, m, v]. `correction` holds 1/(1 - β1ᵗ) and 1/(1 - β2ᵗ). */
  const update = jax.jit(
    (value: Tensor, g: Tensor, m: Tensor, v: Tensor, first: Tensor, second: Tensor): Tensor[] => {
      const nextM = m.mul(beta1).add(g.ref.mul(1 - beta1));
      const nextV = v.mul(beta2).add(np.square(g).mul(1 - beta2));
      const root = np.sqrt(nextV.ref.mul(second)).add(epsilon);
      return [value.sub(nextM.ref.mul(first).mul(learningRate).div(root)), nextM, nextV];
    },
  );
  const moments = trained.map((one) => [np.zerosLike(one.ref), np.zerosLike(one.ref)] as [Tensor, Tensor]);
  let done = 0;
  return {
    name: 'jax-js',
    async step() {
      done++;
      const [value, slopes] = gradients(...trained.map((one) => one.ref)) as unknown as [Tensor, Tensor[]];
      const [first, second] = [1 / (1 - beta1 ** done), 1 / (1 - beta2 ** done)];
      trained.forEach((one, index) => {
        const [m, v] = moments[index]!;
        const result = update(one, slopes[index]!, m, v, np.array(first), np.array(second));
        trained[index] = result[0]!;
        moments[index] = [result[1]!, result[2]!];
      });
      await jax.blockUntilReady(trained);
      return ((await value.data()) as Float32Array)[0] ?? NaN;
    },
    release() {
      for (const one of [...trained, ...moments.flat()]) one.dispose();
    },
  };
}
