import { expose } from 'comlink';
import { OrtService } from './ortService.ts';

expose(new OrtService());
