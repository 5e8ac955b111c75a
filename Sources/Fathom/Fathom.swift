// What a program that embeds Fathom imports: every library in one.
@_exported import FathomCore
@_exported import FathomDepth
@_exported import FathomEngine
@_exported import FathomGraph
@_exported import FathomLearning
@_exported import FathomMedia
@_exported import FathomPicture
@_exported import FathomPipeline
@_exported import FathomScenes
@_exported import FathomServer
