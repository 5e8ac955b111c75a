// What Swift cannot import from FFmpeg's headers: macros with casts, and variadic functions' stand-ins.
#pragma once
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavdevice/avdevice.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/buffer.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

static const int64_t fathom_no_timestamp = AV_NOPTS_VALUE;
static const int fathom_error_end_of_file = AVERROR_EOF;
static const int fathom_error_exit = AVERROR_EXIT;
static const int fathom_error_invalid_data = AVERROR_INVALIDDATA;
static const int fathom_error_again = AVERROR(EAGAIN);
static const int fathom_error_no_space = AVERROR(ENOSPC);
static const int fathom_error_no_memory = AVERROR(ENOMEM);
static const int fathom_error_io = AVERROR(EIO);
static const int fathom_error_decoder_not_found = AVERROR_DECODER_NOT_FOUND;
static const int fathom_error_stream_not_found = AVERROR_STREAM_NOT_FOUND;

static inline int fathom_error_of_errno(int code) { return AVERROR(code); }

static const int fathom_error_encoder_not_found = AVERROR_ENCODER_NOT_FOUND;
static const int fathom_error_demuxer_not_found = AVERROR_DEMUXER_NOT_FOUND;
static const int fathom_error_protocol_not_found = AVERROR_PROTOCOL_NOT_FOUND;

/// A four-letter tag as FFmpeg packs it.
static inline uint32_t fathom_tag(char a, char b, char c, char d) { return MKTAG(a, b, c, d); }

static const int fathom_error_http_bad_request = AVERROR_HTTP_BAD_REQUEST;
static const int fathom_error_http_unauthorized = AVERROR_HTTP_UNAUTHORIZED;
static const int fathom_error_http_forbidden = AVERROR_HTTP_FORBIDDEN;
static const int fathom_error_http_not_found = AVERROR_HTTP_NOT_FOUND;
static const int fathom_error_external = AVERROR_EXTERNAL;
