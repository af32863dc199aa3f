import { expose } from 'comlink';
import { MemoryFolder } from '../storage/memoryFolder.ts';
import { openOpfs } from '../storage/opfsFolder.ts';
import { MechanismService } from './mechanismService.ts';

expose(new MechanismService(async () => (await openOpfs()).folder ?? new MemoryFolder()));
