import { EngineService } from './engineService.ts';
import { exposeService } from './workerLife.ts';

const { gpu } = navigator as { readonly gpu?: GPU };
exposeService(new EngineService(gpu));
