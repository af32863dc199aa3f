import type { FormatAdapter } from '../format.ts';
import { agentBench, agentBenchTasks, birdMiniDev } from './agentBench.ts';
import { agentDataProtocol } from './agentDataProtocol.ts';
import { birdInteract } from './birdInteract.ts';
import { browseCompPlus } from './browseCompPlus.ts';
import { browserGym } from './browserGym.ts';
import { accRows, longTraceRows } from './compiledRows.ts';
import { dbGpt } from './dbGpt.ts';
import { dspyReact } from './dspyReact.ts';
import { fireAct } from './fireAct.ts';
import { interCode } from './interCode.ts';
import { langChainAgent } from './langChainAgent.ts';
import { miroFlow } from './miroFlow.ts';
import { reactText } from './reactText.ts';
import { renderedChat } from './renderedChat.ts';
import { searchR1 } from './searchR1.ts';
import { smolagentsGaia, smolagentsMemory } from './smolagents.ts';
import { spiderAgent, spiderAgentTools } from './spiderAgent.ts';
import { tongyiDeepResearch, webDancer } from './webDancer.ts';
import { whoWhen } from './whoWhen.ts';

/** Formats of search, SQL and multi-agent research, the most telling evidence first. */
export const researchFormats: readonly FormatAdapter[] = [
  interCode,
  birdInteract,
  whoWhen,
  miroFlow,
  tongyiDeepResearch,
  browseCompPlus,
  browserGym,
  smolagentsGaia,
  smolagentsMemory,
  langChainAgent,
  dspyReact,
  spiderAgent,
  spiderAgentTools,
  agentBench,
  agentBenchTasks,
  accRows,
  longTraceRows,
  agentDataProtocol,
  dbGpt,
  birdMiniDev,
  webDancer,
  fireAct,
  searchR1,
  reactText,
  renderedChat,
];
