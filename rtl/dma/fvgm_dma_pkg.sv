// Types of the dma: an AXI burst as the splitter hands it to the load and store units.
package fvgm_dma_pkg;

  localparam int unsigned UnitBits = 20;   // address of an on-chip unit
  localparam int unsigned HbmBits = 40;    // byte address in HBM
  localparam int unsigned BeatBits = 256;  // one AXI beat: two units
  localparam int unsigned LenBits = 8;     // AxLEN: beats - 1
  localparam logic [2:0] BeatSize = 3'd5;  // AxSIZE of 32 bytes
  localparam logic [1:0] BurstIncr = 2'b01;
  localparam logic [3:0] CacheNormal = 4'b0011;  // normal, modifiable, bufferable
  localparam logic [2:0] ProtNone = 3'b000;      // unprivileged, secure, data

  // One burst. Beat j carries the units unit + 2j*unit_step and unit + (2j+1)*unit_step; with
  // `half`, the last beat carries the first of its two only. `last`: the command's last burst.
  // `bad`: not a burst, but a row that its list must not name; addr is the command's hbm_addr.
  typedef struct packed {
    logic                bad;
    logic                last;
    logic                half;
    logic [1:0]          buffer;
    logic [UnitBits-1:0] unit_step;
    logic [UnitBits-1:0] first_unit;
    logic [LenBits-1:0]  len;
    logic [HbmBits-1:0]  addr;
  } burst_t;

endpackage
