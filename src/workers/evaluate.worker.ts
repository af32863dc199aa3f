import { expose } from 'comlink';
import { MemoryFolder } from '../storage/memoryFolder.ts';
import { openOpfs } from '../storage/opfsFolder.ts';
import { EvaluateService } from './evaluateService.ts';

expose(new EvaluateService(async () => (await openOpfs()).folder ?? new MemoryFolder()));
