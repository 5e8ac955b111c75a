@_exported import FathomPipeline
@_exported import FathomScenes
