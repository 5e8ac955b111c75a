// What Swift cannot import from the kernel's header: request numbers and format codes made by macros.
#pragma once
#include <linux/videodev2.h>

static const unsigned long fathom_v4l2_querycap = VIDIOC_QUERYCAP;
static const unsigned long fathom_v4l2_enum_fmt = VIDIOC_ENUM_FMT;
static const unsigned long fathom_v4l2_s_fmt = VIDIOC_S_FMT;
static const unsigned long fathom_v4l2_reqbufs = VIDIOC_REQBUFS;
static const unsigned long fathom_v4l2_querybuf = VIDIOC_QUERYBUF;
static const unsigned long fathom_v4l2_qbuf = VIDIOC_QBUF;
static const unsigned long fathom_v4l2_dqbuf = VIDIOC_DQBUF;
static const unsigned long fathom_v4l2_streamon = VIDIOC_STREAMON;
static const unsigned long fathom_v4l2_streamoff = VIDIOC_STREAMOFF;
static const unsigned long fathom_v4l2_s_parm = VIDIOC_S_PARM;
static const unsigned long fathom_v4l2_g_parm = VIDIOC_G_PARM;
static const unsigned long fathom_v4l2_enum_framesizes = VIDIOC_ENUM_FRAMESIZES;
static const unsigned long fathom_v4l2_enum_frameintervals = VIDIOC_ENUM_FRAMEINTERVALS;

static const unsigned int fathom_v4l2_format_yuyv = V4L2_PIX_FMT_YUYV;
static const unsigned int fathom_v4l2_format_uyvy = V4L2_PIX_FMT_UYVY;
static const unsigned int fathom_v4l2_format_yvyu = V4L2_PIX_FMT_YVYU;
static const unsigned int fathom_v4l2_format_nv12 = V4L2_PIX_FMT_NV12;
static const unsigned int fathom_v4l2_format_nv21 = V4L2_PIX_FMT_NV21;
static const unsigned int fathom_v4l2_format_nv16 = V4L2_PIX_FMT_NV16;
static const unsigned int fathom_v4l2_format_yuv420 = V4L2_PIX_FMT_YUV420;
static const unsigned int fathom_v4l2_format_yuv422p = V4L2_PIX_FMT_YUV422P;
static const unsigned int fathom_v4l2_format_grey = V4L2_PIX_FMT_GREY;
static const unsigned int fathom_v4l2_format_y10 = V4L2_PIX_FMT_Y10;
static const unsigned int fathom_v4l2_format_y12 = V4L2_PIX_FMT_Y12;
static const unsigned int fathom_v4l2_format_y16 = V4L2_PIX_FMT_Y16;
static const unsigned int fathom_v4l2_format_rgb24 = V4L2_PIX_FMT_RGB24;
static const unsigned int fathom_v4l2_format_bgr24 = V4L2_PIX_FMT_BGR24;
static const unsigned int fathom_v4l2_format_xbgr32 = V4L2_PIX_FMT_XBGR32;
static const unsigned int fathom_v4l2_format_mjpeg = V4L2_PIX_FMT_MJPEG;
static const unsigned int fathom_v4l2_format_jpeg = V4L2_PIX_FMT_JPEG;
