import type { FormatAdapter } from '../format.ts';
import { agentless } from './agentless.ts';
import { atif } from './atif.ts';
import { anthropicMessages, chatFile, completionLog, genericChat, shareGpt } from './chat.ts';
import { claudeCode, claudeCodeStream } from './claudeCode.ts';
import { cline } from './cline.ts';
import { codexExec, codexRollout } from './codex.ts';
import { geminiApi, geminiCli } from './gemini.ts';
import { inspectAi } from './inspect.ts';
import { langfuse } from './langfuse.ts';
import { langSmith } from './langSmith.ts';
import { miniSweAgent, miniSweAgentMessages } from './miniSweAgent.ts';
import { nemoGym, openAiResponse } from './nemoGym.ts';
import { openHandsEvents, openHandsEventsV0, openHandsOutput } from './openHands.ts';
import { openTelemetry } from './openTelemetry.ts';
import { sweAgent } from './sweAgent.ts';
import { sweDataset } from './sweDatasets.ts';
import { tauBench } from './tauBench.ts';
import { verifiers } from './verifiers.ts';

/** Formats of software agents, coding tools, harnesses, traces and plain chats, the most telling evidence first. */
export const engineeringFormats: readonly FormatAdapter[] = [
  inspectAi,
  atif,
  openTelemetry,
  sweAgent,
  miniSweAgent,
  claudeCode,
  claudeCodeStream,
  codexRollout,
  codexExec,
  geminiCli,
  openHandsOutput,
  openHandsEvents,
  openHandsEventsV0,
  nemoGym,
  langSmith,
  langfuse,
  tauBench,
  agentless,
  sweDataset,
  miniSweAgentMessages,
  geminiApi,
  openAiResponse,
  completionLog,
  verifiers,
  shareGpt,
  cline,
  anthropicMessages,
  chatFile,
  genericChat,
];
