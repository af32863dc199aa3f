import type { FormatAdapter } from '../format.ts';
import { adkSession } from './adkSession.ts';
import { agentDojo } from './agentDojo.ts';
import { agentless } from './agentless.ts';
import { aider } from './aider.ts';
import { atif } from './atif.ts';
import { anthropicMessages, chatFile, completionLog, genericChat, shareGpt } from './chat.ts';
import { chatGptExport } from './chatGptExport.ts';
import { claudeCode, claudeCodeStream } from './claudeCode.ts';
import { cline } from './cline.ts';
import { codexExec, codexRollout } from './codex.ts';
import { copilotCli, vsCodeChat } from './copilot.ts';
import { cursorAgent } from './cursorAgent.ts';
import { geminiApi, geminiCli, geminiCliLog } from './gemini.ts';
import { inspectAi } from './inspect.ts';
import { langfuse } from './langfuse.ts';
import { langSmith } from './langSmith.ts';
import { miniSweAgent, miniSweAgentMessages } from './miniSweAgent.ts';
import { moatless } from './moatless.ts';
import { nemoGym, openAiResponse } from './nemoGym.ts';
import { openAiAgents } from './openAiAgents.ts';
import { openHandsEvents, openHandsEventsV0, openHandsOutput } from './openHands.ts';
import { openTelemetry } from './openTelemetry.ts';
import { piSession } from './piSession.ts';
import { qwenCode } from './qwenCode.ts';
import { r2eGym } from './r2eGym.ts';
import { sweAgent } from './sweAgent.ts';
import { sweDataset } from './sweDatasets.ts';
import { tauBench } from './tauBench.ts';
import { verifiers } from './verifiers.ts';
import { weave } from './weave.ts';

/** Formats of software agents, coding tools, harnesses, traces and plain chats, the most telling evidence first. */
export const engineeringFormats: readonly FormatAdapter[] = [
  inspectAi,
  atif,
  openTelemetry,
  sweAgent,
  r2eGym,
  moatless,
  miniSweAgent,
  claudeCode,
  claudeCodeStream,
  cursorAgent,
  qwenCode,
  codexRollout,
  codexExec,
  geminiCli,
  geminiCliLog,
  piSession,
  copilotCli,
  vsCodeChat,
  aider,
  adkSession,
  chatGptExport,
  openHandsOutput,
  openHandsEvents,
  openHandsEventsV0,
  nemoGym,
  langSmith,
  langfuse,
  weave,
  openAiAgents,
  tauBench,
  agentDojo,
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
