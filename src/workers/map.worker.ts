import { MapService } from './mapService.ts';
import { exposeService } from './workerLife.ts';

exposeService(new MapService());
