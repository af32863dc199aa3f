import { OrtService } from './ortService.ts';
import { exposeService } from './workerLife.ts';

exposeService(new OrtService());
