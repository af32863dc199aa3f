import type * as Ort from 'onnxruntime-web';

/** The build of onnxruntime-web with the WebGPU provider: for comparisons, apart from what the page loads. */
export const loadOrtWebGpu = (): Promise<typeof Ort> => import('onnxruntime-web/webgpu');
