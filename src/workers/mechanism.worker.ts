import { openStorage } from '../storage/opfsFolder.ts';
import { MechanismService } from './mechanismService.ts';
import { exposeService } from './workerLife.ts';

exposeService(new MechanismService(openStorage));
