import { expose } from 'comlink';
import { EngineService } from './engineService.ts';

const { gpu } = navigator as { readonly gpu?: GPU };

expose(new EngineService(gpu));
