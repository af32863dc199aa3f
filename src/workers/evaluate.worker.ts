import { openStorage } from '../storage/opfsFolder.ts';
import { EvaluateService } from './evaluateService.ts';
import { exposeService } from './workerLife.ts';

exposeService(new EvaluateService(openStorage));
