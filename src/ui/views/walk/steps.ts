import type { LectureStepId } from '../../../state/lectureSlice.ts';
import type { View } from '../../../state/route.ts';

interface StepWords {
  readonly title: string;
  /** What the hall reads. */
  readonly lead: string;
  /** What the speaker says. */
  readonly notes: readonly string[];
  /** The view where the same can be done by hand. */
  readonly view: View;
}

export const stepWords: Readonly<Record<LectureStepId, StepWords>> = {
  trajectories: {
    title: 'Agents leave trajectories',
    lead: 'Scripted agents search an encyclopedia, mend repositories and query databases. Each leaves a log of turns, calls and results; some go wrong.',
    notes: [
      'Every log is written by an agent that really searched, edited and queried in a world that was made a moment ago.',
      'Point at the turns: what answers the question is spread over several results.',
      'About a quarter of the runs ends with a wrong answer. They must not become training data.',
    ],
    view: 'trajectories',
  },
  compile: {
    title: 'Compile each into one long context',
    lead: 'Right answers only. Evidence and distractors go into one context in random order; the question is asked again, to be answered without tools.',
    notes: [
      'Verified by the recorded outcome; SQL answers are executed again.',
      'Distractors are what the agent was shown and did not need.',
      'Every rejection has a reason and can be followed to the run.',
    ],
    view: 'compile',
  },
  example: {
    title: 'One example, with its sources',
    lead: 'Each piece of the context comes from a turn of the run. Gold pieces answer the question, distractors look as if they did.',
    notes: [
      'Standard fine-tuning on the same run would learn calls of tools; here the answer and its reasoning are learnt.',
      'This example is taken out of the training now: it is asked before and after.',
    ],
    view: 'qa',
  },
  ask: {
    title: 'Ask the model as it is',
    lead: 'A Qwen3-MoE of three million parameters, trained by this project on short texts, runs on WGSL in this page.',
    notes: [
      'Five layers, eight experts, two of them per token. Nothing in its training was longer than 480 tokens.',
      'Compare the reply with the right answer below it.',
    ],
    view: 'model',
  },
  train: {
    title: 'Train an adapter on the compiled contexts',
    lead: 'LoRA on attention and on every expert, forward and backward on the same kernels; the loss is that of each step before its update.',
    notes: [
      'A few steps for a lecture; a real run takes more.',
      'The adapter can be saved in PEFT layout and used elsewhere.',
    ],
    view: 'train',
  },
  tuned: {
    title: 'Ask the same question again',
    lead: 'The adapter is merged into the weights. The example was not trained on.',
    notes: [
      'One example proves nothing, whichever way it goes. That is why the next step asks many, with an interval.',
    ],
    view: 'model',
  },
  evaluate: {
    title: 'Measure on questions of another kind',
    lead: 'A conversation with several alike writings, one of which is wanted again: MRCR’s task, generated here, graded by its published rule.',
    notes: [
      'Base and adapter answer the same items, so the difference is paired.',
      'If the interval holds zero, nothing was shown. With this few items and steps that is the usual outcome.',
    ],
    view: 'evaluate',
  },
  mechanism: {
    title: 'Look inside: heads and experts',
    lead: 'Attention and routing of base and adapter on identical tokens, measured inside the kernels.',
    notes: [
      'Distance: how far back a head looks on average, the first tokens left out.',
      'A change after ACC is caused by ACC only where a control does not show it too; the Mechanism view tests that.',
    ],
    view: 'mechanism',
  },
  findings: {
    title: 'What holds over seeds',
    lead: 'One run proves nothing. Base, ACC and its controls with matched tokens, over several seeds, say more, but take longer than a lecture.',
    notes: [
      'One command, acc replicate, trains and asks all of them; its result names seeds and the hashes of the adapters.',
      'Read the intervals before the means.',
    ],
    view: 'compare',
  },
};
