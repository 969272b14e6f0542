// Memory of list entries, 32 bits each (list_entry_t): one write port, ReadPorts read ports, all
// always ready.
//
// Each read port has its own copy of the contents. A read in the cycle of a write to the same entry
// returns the old entry. Addresses wrap modulo Entries.
//
// Parameters: Entries, a power of two, at most 65536; ReadPorts.
// Latency: rd_data_o[p] holds the entry two cycles after rd_valid_i[p], until the port's next.
// Throughput: one entry per port and cycle. Errors: illegal parameters stop elaboration.
module fvgm_mbuf #(
  parameter int unsigned Entries   = 1024,
  parameter int unsigned ReadPorts = 3
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic [ReadPorts-1:0]       rd_valid_i,
  input  logic [ReadPorts-1:0][15:0] rd_addr_i,
  output logic [ReadPorts-1:0][31:0] rd_data_o,

  input  logic        wr_valid_i,
  input  logic [15:0] wr_addr_i,
  input  logic [31:0] wr_data_i
);

  localparam int unsigned EntryBits = $clog2(Entries);

  if (Entries != 2 ** EntryBits || Entries < 2) begin : gen_illegal_entries
    $error("fvgm_mbuf: Entries must be a power of two, >= 2");
  end
  if (EntryBits > 16) begin : gen_illegal_range
    $error("fvgm_mbuf: Entries must be at most 65536");
  end
  if (ReadPorts < 1) begin : gen_illegal_ports
    $error("fvgm_mbuf: ReadPorts must be at least 1");
  end

  logic [ReadPorts-1:0] pending_q;
  logic [ReadPorts-1:0][31:0] ram_data;

  for (genvar p = 0; p < ReadPorts; p++) begin : gen_copy
    fvgm_ram_1r1w #(
      .Width(32),
      .Depth(Entries)
    ) u_ram (
      .clk_i,
      .wr_en_i(wr_valid_i),
      .wr_addr_i(wr_addr_i[EntryBits-1:0]),
      .wr_data_i,
      .rd_en_i(rd_valid_i[p]),
      .rd_addr_i(rd_addr_i[p][EntryBits-1:0]),
      .rd_data_o(ram_data[p])
    );
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) pending_q <= '0;
    else pending_q <= rd_valid_i;
    for (int unsigned p = 0; p < ReadPorts; p++) begin
      if (pending_q[p]) rd_data_o[p] <= ram_data[p];
    end
  end

  if (EntryBits < 16) begin : gen_unused
    logic unused_addr;
    always_comb begin
      unused_addr = ^wr_addr_i[15:EntryBits];
      for (int unsigned p = 0; p < ReadPorts; p++) unused_addr ^= ^rd_addr_i[p][15:EntryBits];
    end
  end

endmodule
