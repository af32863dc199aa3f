import { expose } from 'comlink';
import { MapService } from './mapService.ts';

expose(new MapService());
